// Command rivet runs eBPF objects: as RV64 code on a machine of its own, or in
// an interpreter. It shows what they do and what they were compiled to.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/rivetbpf/rivet/internal/cpufeature"
	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	statusRan    = 0
	statusFault  = 1 // the program faulted
	statusFailed = 2 // wrong usage, unreadable input, unwritable output
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// app is what every command is given besides its flags.
type app struct {
	in       io.Reader
	out, err io.Writer
}

// note says something on standard error that is no error.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.err, "rivet: "+format+"\n", args...)
}

// errFault ends a command whose program faulted and that has told so already.
var errFault = errors.New("the program faulted")

// errInterrupted ends a command that was told to end.
var errInterrupted = errors.New("interrupted")

// interrupted says where the program was then; err is that of its run.
func interrupted(err error) error { return fmt.Errorf("%w: %w", errInterrupted, err) }

// usageError is a mistake in how the command was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// groupRE matches what cobra says when flags are set that exclude each other.
var groupRE = regexp.MustCompile(`^if any flags in the group .* \[([^]]*)\] were all set$`)

func execute(ctx context.Context, args []string, in io.Reader, out, stderr io.Writer) int {
	a := &app{in: in, out: out, err: stderr}
	root := a.rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return statusRan
	case errors.Is(err, errFault):
		return statusFault
	}
	if m := groupRE.FindStringSubmatch(err.Error()); m != nil {
		err = usagef("--%s exclude each other", strings.ReplaceAll(m[1], " ", " and --"))
	}
	fmt.Fprintf(stderr, "rivet: %v\n", err)
	if usage := (usageError{}); errors.As(err, &usage) {
		fmt.Fprintf(stderr, "See '%s --help'.\n", cmd.CommandPath())
	}
	return statusFailed
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "rivet",
		Short: "Run eBPF objects in user space",
		Long: `rivet loads an eBPF object that clang made and runs it in user space: compiled
to RV64 machine code on a machine of its own (the hart), or in an interpreter.

Exit status: 0 the program ran, 1 it faulted, 2 wrong usage or unreadable input.`,
		Example: `  rivet run dispatch.o --pcap traffic.pcap --dump-maps
  rivet trace tailcalls.o --tail-calls propagated
  rivet objdump tailcalls.o`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(a.versionCommand())
	for _, c := range commands {
		root.AddCommand(c(a))
	}
	return root
}

// commands are the subcommands; each file that has one adds it.
var commands []func(*app) *cobra.Command

// oneArg is cobra.ExactArgs(1) with a message that names what is missing.
func oneArg(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usagef("no %s given", what)
		case len(args) > 1:
			return usagef("one %s expected, %d given: %s", what, len(args), strings.Join(args, " "))
		}
		return nil
	}
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, and what the CPU of this host has",
		Example: "  rivet version\n  rivet version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if asJSON {
				return writeJSON(a.out, v)
			}
			_, err := fmt.Fprintf(a.out, "rivet %s %s %s\n%s: %s\n", v.Version, v.Revision, v.Go, v.Host, v.Target.describe())
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON value")
	return c
}

type versionInfo struct {
	Version  string        `json:"version"`
	Revision string        `json:"revision"`
	Go       string        `json:"go"`
	Host     string        `json:"host"`
	Target   *targetOfHost `json:"target,omitempty"` // nil where there is none for the host
}

// targetOfHost is what generated code may use on the host's own CPU.
type targetOfHost struct {
	March      string `json:"march"`
	Source     string `json:"source"` // who says so
	Misaligned string `json:"misaligned,omitempty"`
}

func (t *targetOfHost) describe() string {
	if t == nil {
		return "there is no target for this host, only for linux/riscv64"
	}
	s := fmt.Sprintf("%s (%s)", t.March, t.Source)
	if t.Misaligned != "" {
		s += ", misaligned accesses " + t.Misaligned
	}
	return s
}

// version reads what the go command wrote into the binary.
func version() versionInfo {
	v := versionInfo{Version: "(devel)", Revision: "unknown", Host: runtime.GOOS + "/" + runtime.GOARCH}
	if f, ok := cpufeature.Host(); ok {
		v.Target = &targetOfHost{March: f.March, Source: f.Source, Misaligned: f.Misaligned}
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Go = info.GoVersion
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		v.Revision += "+changes"
	}
	return v
}
