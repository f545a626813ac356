package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// Whoever presses Ctrl-C gets a prompt back, and learns what was running.
func TestInterrupt(t *testing.T) {
	for _, command := range []string{"run", "trace", "diff"} {
		ctx, stop := context.WithTimeout(context.Background(), 500*time.Millisecond)
		var out, errs bytes.Buffer
		status := execute(ctx, []string{command, "../../testdata/cli/cli.o", "--program", "spin", "--fuel", "-1"}, strings.NewReader(""), &out, &errs)
		stop()
		if status != statusFailed || !strings.Contains(errs.String(), "interrupted: ") || !strings.Contains(errs.String(), "program spin") {
			t.Errorf("%s: status %d: %s", command, status, errs.String())
		}
	}
}
