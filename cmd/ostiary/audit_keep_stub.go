package main

import "github.com/spf13/cobra"

func auditKeepCommands() []*cobra.Command { return nil }
