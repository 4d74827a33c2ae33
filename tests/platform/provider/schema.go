package main

import (
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// schemasOf turns a printed block into the SDK's terms. The SDK itself adds `id` to what stands at the top.
func schemasOf(printed block, isTop bool) map[string]*schema.Schema {
	schemas := map[string]*schema.Schema{}
	for name, each := range printed.Attributes {
		if isTop && name == "id" {
			continue
		}
		one := typeOf(each.Type)
		one.Required, one.Optional, one.Computed = each.Required, each.Optional, each.Computed
		schemas[name] = one
	}
	for name, each := range printed.BlockTypes {
		// Only `timeouts` nests singly; the SDK has a field of its own for it.
		if each.NestingMode != "single" {
			schemas[name] = nestedSchemaOf(each)
		}
	}
	return schemas
}

func nestedSchemaOf(each nestedBlock) *schema.Schema {
	kind := schema.TypeList
	if each.NestingMode == "set" {
		kind = schema.TypeSet
	}
	mode := schema.SchemaConfigModeAuto
	if each.Computed {
		mode = schema.SchemaConfigModeAttr
	}
	return &schema.Schema{
		Type:       kind,
		ConfigMode: mode,
		Optional:   each.MinItems == 0,
		Required:   each.MinItems > 0,
		Computed:   each.Computed,
		MaxItems:   each.MaxItems,
		Elem:       &schema.Resource{Schema: schemasOf(each.Block, false)},
	}
}

var primitives = map[string]schema.ValueType{
	"string": schema.TypeString,
	"number": schema.TypeFloat,
	"bool":   schema.TypeBool,
}

var collections = map[string]schema.ValueType{
	"list": schema.TypeList,
	"set":  schema.TypeSet,
	"map":  schema.TypeMap,
}

// typeOf reads a type as it is printed: `"string"`, `["list", T]` or `["object", {name: T}]`.
func typeOf(printed json.RawMessage) *schema.Schema {
	var primitive string
	if json.Unmarshal(printed, &primitive) == nil {
		return &schema.Schema{Type: primitives[primitive]}
	}
	var parts []json.RawMessage
	var kind string
	mustUnmarshal(printed, &parts)
	mustUnmarshal(parts[0], &kind)
	if kind == "object" {
		return objectOf(parts[1])
	}
	element := typeOf(parts[1])
	if object, ok := element.Elem.(*schema.Resource); ok && element.Type == schema.TypeList {
		return &schema.Schema{Type: collections[kind], Elem: object}
	}
	return &schema.Schema{Type: collections[kind], Elem: element}
}

// The SDK has no object; a list of one block is the nearest.
func objectOf(printed json.RawMessage) *schema.Schema {
	var fields map[string]json.RawMessage
	mustUnmarshal(printed, &fields)
	schemas := map[string]*schema.Schema{}
	for name, each := range fields {
		schemas[name] = typeOf(each)
		schemas[name].Computed = true
	}
	return &schema.Schema{Type: schema.TypeList, Elem: &schema.Resource{Schema: schemas}}
}

// The schema is embedded: what does not parse is a mistake of the build, not of a caller.
func mustUnmarshal(raw json.RawMessage, target any) {
	if err := json.Unmarshal(raw, target); err != nil {
		panic(err)
	}
}
