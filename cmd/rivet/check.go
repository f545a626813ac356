package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rivetbpf/rivet/internal/check"
)

func init() { commands = append(commands, (*app).checkCommand) }

type checkFlags struct {
	summary, json bool
}

func (a *app) checkCommand() *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check OBJ|DIR...",
		Short: "Say which programs of objects load, and what is missing for the others",
		Long: `Loads and compiles every program of the objects, by itself where the object does
not load whole, and prints programs, kinds of maps, and the helpers and kfuncs that
are not there, with the programs that call them. In a directory all files whose names
end in .o are checked.

--summary prints for all objects together how many programs of each type load, and
what is missing, the most needed first.

Exit status: 0 all programs load, 1 some do not, 2 wrong usage or unreadable input.`,
		Example: `  rivet check dispatch.o
  rivet check --summary build/
  rivet check --json *.o`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("no object or directory given")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.check(args, &f) },
	}
	c.Flags().BoolVar(&f.summary, "summary", false, "print what all objects need together")
	c.Flags().BoolVar(&f.json, "json", false, "print one JSON value")
	return c
}

func (a *app) check(args []string, f *checkFlags) error {
	files, err := objectFiles(args)
	if err != nil {
		return err
	}
	m := newMeter(a.err, "objects", int64(len(files)))
	objects := make([]check.Object, len(files))
	for i, file := range files {
		objects[i] = check.File(file)
		m.set(int64(i + 1))
	}
	m.finish()
	switch {
	case f.json && f.summary:
		err = writeJSON(a.out, check.Summarize(objects))
	case f.json:
		err = writeJSON(a.out, objects)
	case f.summary:
		err = a.printSummary(check.Summarize(objects))
	default:
		err = a.printObjects(objects)
	}
	if err != nil {
		return err
	}
	return checked(objects)
}

// objectFiles lists the files that are to be checked, in the order of the arguments.
func objectFiles(args []string) (files []string, err error) {
	for _, arg := range args {
		n := len(files)
		err := filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if path == arg && !d.IsDir() || d.Type().IsRegular() && filepath.Ext(path) == ".o" {
				files = append(files, path)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", arg, cause(err))
		}
		if len(files) == n {
			return nil, fmt.Errorf("%s: no file there ends in .o", arg)
		}
	}
	return files, nil
}

// checked is what the command's exit status says.
func checked(objects []check.Object) error {
	refused := false
	for _, o := range objects {
		if o.Error != "" {
			return fmt.Errorf("%s cannot be read: %s", o.File, o.Error)
		}
		for _, p := range o.Programs {
			refused = refused || !p.Loads
		}
	}
	if refused {
		return errFault
	}
	return nil
}

// printObjects prints a table for each object.
func (a *app) printObjects(objects []check.Object) error {
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	for i, o := range objects {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if o.Error != "" {
			fmt.Fprintf(w, "%s cannot be read\n", o.File)
			continue
		}
		fmt.Fprintln(w, o.File)
		for _, p := range o.Programs {
			state := "loads"
			if !p.Loads {
				state = "does not load: " + firstLine(p.Error)
			}
			fmt.Fprintf(w, "  program\t%s\t%s\t%s\n", p.Name, p.Type, state)
		}
		for _, m := range o.Maps {
			state := ""
			if !m.Supported {
				state = "not supported"
			}
			fmt.Fprintf(w, "  map\t%s\t%s\t%s\n", m.Name, m.Kind, state)
		}
		for _, m := range o.Missing {
			fmt.Fprintf(w, "  missing\t%s\tcalled by\t%s\n", m.Name, strings.Join(m.Programs, ", "))
		}
	}
	return w.Flush()
}

// maxReasons is how many reasons a summary shows; JSON has all.
const maxReasons = 20

func (a *app) printSummary(s check.Summary) error {
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', tabwriter.AlignRight)
	all, loads := 0, 0
	for _, t := range s.Types {
		all, loads = all+t.All, loads+t.Loads
	}
	fmt.Fprintf(a.out, "%d objects, %d programs, of which %d load\n", s.Objects, all, loads)
	for _, o := range s.Unread {
		fmt.Fprintf(a.out, "cannot be read: %s: %s\n", o.File, firstLine(o.Error))
	}
	fmt.Fprintf(w, "\nprograms\tload\t  type\n")
	for _, t := range s.Types {
		fmt.Fprintf(w, "%d\t%d\t  %s\n", t.All, t.Loads, t.Type)
	}
	for _, part := range []struct {
		title  string
		counts []check.Count
	}{
		{"programs\t  call what is missing", s.Missing},
		{"objects\t  have a kind of map that is not supported", s.MapKinds},
		{"programs\t  do not load for another reason", s.Reasons[:min(len(s.Reasons), maxReasons)]},
	} {
		if len(part.counts) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", part.title)
		for _, c := range part.counts {
			fmt.Fprintf(w, "%d\t  %s\n", c.Count, firstLine(c.Name))
		}
	}
	return w.Flush()
}

// firstLine cuts what does not fit a table.
func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	const most = 200
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}
