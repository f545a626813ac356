package migrate

import (
	"testing"

	"github.com/rivetbpf/rivet/rivettest"
)

func TestDrop(t *testing.T) {
	spec, err := loadLimiter()
	if err != nil {
		t.Fatal(err)
	}
	var objs limiterObjects
	rivettest.LoadAndAssign(t, spec, &objs)
	for _, want := range []string{"XDP_PASS", "XDP_PASS", "XDP_DROP"} {
		rivettest.Run(t, objs.Limiter, packet(1, 17)).ExpectVerdict(t, want).ExpectSamePacket(t)
	}
	rivettest.ExpectSum(t, objs.Total, uint32(0), uint64(3))
}
