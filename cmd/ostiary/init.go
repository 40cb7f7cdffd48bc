package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy/config"
)

func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIRECTORY]",
		Short: "Write a commented configuration and a directory of policies to start from",
		Long: `Init writes ostiary.yaml, with every key explained, and policies/, the shipped
policies as files of your own with their tests, into DIRECTORY (default: here).
It overwrites nothing: where one of the files is there, it writes none.`,
		Example: `  ostiary init
  ostiary check --config ostiary.yaml
  ostiary run --config ostiary.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			files := initialFiles()
			for _, f := range files {
				if _, err := os.Lstat(filepath.Join(dir, f.name)); !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("%s is there already: nothing was written; name another directory", filepath.Join(dir, f.name))
				}
			}
			for _, f := range files {
				name := filepath.Join(dir, f.name)
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(name, f.content, 0o644); err != nil {
					return err
				}
				fmt.Fprintln(c.OutOrStdout(), name)
			}
			fmt.Fprintf(c.OutOrStdout(), "\nNext: edit the pools in %s, then\n  ostiary check --config %[1]s\n  ostiary run --config %[1]s\n", filepath.Join(dir, "ostiary.yaml"))
			return nil
		},
	}
}

type initialFile struct {
	name    string
	content []byte
}

func initialFiles() []initialFile {
	files := []initialFile{{"ostiary.yaml", config.Initial()}}
	for _, f := range policies.Starter() {
		files = append(files, initialFile{filepath.Join("policies", filepath.FromSlash(f.Path)), []byte(f.Text)})
	}
	return files
}
