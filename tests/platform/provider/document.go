package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
)

// What `tofu providers schema -json` would print for hashicorp/aws 6.25.0.
//
//go:embed schema-6.25.0.json.gz
var packedSchema []byte

// The parts of the printed schema that the stand-in needs.
type document struct {
	Provider    resourceSchema            `json:"provider"`
	Resources   map[string]resourceSchema `json:"resource_schemas"`
	DataSources map[string]resourceSchema `json:"data_source_schemas"`
}

type resourceSchema struct {
	Block block `json:"block"`
}

type block struct {
	Attributes map[string]attribute   `json:"attributes"`
	BlockTypes map[string]nestedBlock `json:"block_types"`
}

type attribute struct {
	Type     json.RawMessage `json:"type"`
	Required bool            `json:"required"`
	Optional bool            `json:"optional"`
	Computed bool            `json:"computed"`
}

type nestedBlock struct {
	NestingMode string `json:"nesting_mode"`
	MinItems    int    `json:"min_items"`
	MaxItems    int    `json:"max_items"`
	// An attribute that may also be written as blocks (routes, rules of security groups).
	Computed bool  `json:"computed"`
	Block    block `json:"block"`
}

func readDocument() (document, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packedSchema))
	if err != nil {
		return document{}, fmt.Errorf("unpacking the schema: %w", err)
	}
	var printed struct {
		Providers map[string]document `json:"provider_schemas"`
	}
	if err := json.NewDecoder(reader).Decode(&printed); err != nil {
		return document{}, fmt.Errorf("reading the schema: %w", err)
	}
	found, ok := printed.Providers[address]
	if !ok {
		return document{}, fmt.Errorf("the schema holds no %s", address)
	}
	return found, nil
}
