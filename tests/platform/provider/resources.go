package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// Resources of one run are numbered, so that no two share an id.
var created atomic.Int64

func providerOf(printed document) *schema.Provider {
	settings := schemasOf(printed.Provider.Block, false)
	// The core reads `alias` itself.
	delete(settings, "alias")
	provider := &schema.Provider{
		Schema:         settings,
		ResourcesMap:   map[string]*schema.Resource{},
		DataSourcesMap: map[string]*schema.Resource{},
	}
	for name, each := range printed.Resources {
		provider.ResourcesMap[name] = resourceOf(name, each)
	}
	for name, each := range printed.DataSources {
		provider.DataSourcesMap[name] = dataSourceOf(name, each)
	}
	return provider
}

func resourceOf(name string, printed resourceSchema) *schema.Resource {
	schemas := schemasOf(printed.Block, true)
	resource := &schema.Resource{
		Schema:        schemas,
		ReadContext:   keep,
		DeleteContext: keep,
		CreateContext: func(_ context.Context, data *schema.ResourceData, _ any) diag.Diagnostics {
			data.SetId(fmt.Sprintf("stub-%s-%d", name, created.Add(1)))
			return fill(name, data, schemas, false)
		},
		Timeouts: timeoutsOf(printed.Block),
	}
	for _, each := range schemas {
		// The SDK refuses an update where nothing can be set.
		if each.Optional || each.Required {
			resource.UpdateContext = keep
		}
	}
	return resource
}

func dataSourceOf(name string, printed resourceSchema) *schema.Resource {
	schemas := schemasOf(printed.Block, true)
	return &schema.Resource{
		Schema: schemas,
		ReadContext: func(_ context.Context, data *schema.ResourceData, _ any) diag.Diagnostics {
			data.SetId("stub-" + name)
			return fill(name, data, schemas, true)
		},
	}
}

func keep(context.Context, *schema.ResourceData, any) diag.Diagnostics { return nil }

func timeoutsOf(printed block) *schema.ResourceTimeout {
	written, ok := printed.BlockTypes["timeouts"]
	if !ok {
		return nil
	}
	duration := 20 * time.Minute
	timeouts := &schema.ResourceTimeout{}
	for operation := range written.Block.Attributes {
		switch operation {
		case "create":
			timeouts.Create = &duration
		case "update":
			timeouts.Update = &duration
		case "delete":
			timeouts.Delete = &duration
		case "read":
			timeouts.Read = &duration
		}
	}
	return timeouts
}

// fill gives what AWS would have computed a recognisable value, so that references resolve after an apply.
//
// What a resource could have set and did not stays unset: a made-up address range would look like an open rule. A
// data source answers everything.
func fill(name string, data *schema.ResourceData, schemas map[string]*schema.Schema, isRead bool) diag.Diagnostics {
	for key, each := range schemas {
		if !each.Computed {
			continue
		}
		value := computedValue(name, key, data, each, isRead)
		if value == nil {
			continue
		}
		if err := data.Set(key, value); err != nil {
			return diag.FromErr(err)
		}
	}
	return nil
}

func computedValue(name, key string, data *schema.ResourceData, each *schema.Schema, isRead bool) any {
	if _, isSet := data.GetOk(key); isSet {
		return nil
	}
	object, isObject := each.Elem.(*schema.Resource)
	switch each.Type {
	case schema.TypeString:
		if isRead || !each.Optional {
			return stringFor(name, key, data.Id())
		}
	case schema.TypeFloat:
		// A version or a revision: the first.
		if !each.Optional {
			return 1
		}
	case schema.TypeMap:
		if each.Optional {
			return map[string]any{}
		}
	case schema.TypeList, schema.TypeSet:
		if isObject && !each.Optional {
			return []any{objectFor(name, data.Id(), object)}
		}
		if !isObject && each.Optional && each.Type == schema.TypeList {
			return []any{}
		}
	}
	return nil
}

func objectFor(name, id string, object *schema.Resource) map[string]any {
	fields := map[string]any{}
	for field, each := range object.Schema {
		if each.Type == schema.TypeString {
			fields[field] = stringFor(name, field, id)
		}
	}
	return fields
}

func stringFor(name, key, id string) string {
	if key == "arn" || strings.HasSuffix(key, "_arn") {
		return fmt.Sprintf("arn:aws:stub:us-east-1:123456789012:%s/%s", name, id)
	}
	return fmt.Sprintf("stub-%s-%s", name, key)
}
