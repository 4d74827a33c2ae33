// A stand-in for hashicorp/aws where the real provider cannot be had: it serves the real provider's schema and
// plays create, read and delete in memory. What it proves and what it cannot is said in README.md.
package main

import (
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-plugin-sdk/v2/plugin"
)

const address = "registry.opentofu.org/hashicorp/aws"

func main() {
	document, err := readDocument()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	provider := providerOf(document)
	if len(os.Args) > 1 && os.Args[1] == "check" {
		if err := provider.InternalValidate(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	plugin.Serve(&plugin.ServeOpts{
		ProviderFunc: func() *schema.Provider { return provider },
		ProviderAddr: address,
	})
}
