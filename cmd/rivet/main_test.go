package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"

	"github.com/rivetbpf/rivet/internal/testenv"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the golden parts of the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rivet": main})
}

// TestScripts runs testdata/*.txtar: each command, its flags, its errors and
// its exit statuses.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	emulated := testenv.Reexec(t, "rivet")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Setenv("GOOS", runtime.GOOS)
			e.Setenv("GOARCH", runtime.GOARCH)
			if emulated != "" {
				e.Setenv("PATH", emulated+string(os.PathListSeparator)+e.Getenv("PATH"))
			}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "measure" {
				return false, fmt.Errorf("no condition %q", cond)
			}
			return measuring, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": cmdStatus,
			"masked": cmdMasked,
			"cut":    cmdCut,
		},
	})
}

// cmdStatus runs rivet and checks its exit status: status N ARGS….
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: status N ARGS...")
	}
	err := ts.Exec("rivet", args[1:]...)
	got := "0"
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		got = string(rune('0' + exit.ExitCode()))
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

var clock = regexp.MustCompile(`\b\d+(\.\d+)?(ns|µs|ms|s)\b|("nanoseconds": )\d+|("home": )"[^"]*"`)

// cmdMasked copies the last output with all times and the homes of counts masked, for comparisons:
// masked stdout FILE.
func cmdMasked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: masked stdout|stderr FILE")
	}
	text := clock.ReplaceAllString(ts.ReadFile(args[0]), "${3}${4}MASKED")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

// cmdCut copies the first N bytes of a file: cut N FROM TO.
func cmdCut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: cut N FROM TO")
	}
	data := ts.ReadFile(args[1])
	n := 0
	for _, c := range args[0] {
		n = n*10 + int(c-'0')
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(data[:min(n, len(data))]), 0o644))
}
