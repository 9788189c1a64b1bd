package models

import (
	"encoding/base32"
	"fmt"
	"testing"
	"time"
)

// TestCodesAreThoseOfRFC6238: the vectors of its appendix B, whose codes have eight
// digits, of which apps show the last six.
func TestCodesAreThoseOfRFC6238(t *testing.T) {
	t.Parallel()
	seed := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got := Code(seed, time.Unix(at, 0)); got != want[2:] {
			t.Errorf("at %d the code is %s, not %s", at, got, want[2:])
		}
	}
}

// TestCodesCountOneStepEitherWay, and no further.
func TestCodesCountOneStepEitherWay(t *testing.T) {
	t.Parallel()
	seed, now := NewSeed(), time.Unix(1_700_000_010, 0)
	for steps := int64(-3); steps <= 3; steps++ {
		step, ok := matchCode(seed, Code(seed, now.Add(time.Duration(steps)*codeStep)), now, codeSteps)
		if want := steps >= -1 && steps <= 1; ok != want || ok && step != stepOf(now)+steps {
			t.Errorf("%d steps away: %v, step %d", steps, ok, step-stepOf(now))
		}
	}
	if first, second := NewSeed(), NewSeed(); first == second || len(first) != 32 {
		t.Errorf("the seeds are %s and %s", first, second)
	}
}

func ExampleCode() {
	fmt.Println(Code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", time.Unix(59, 0)))
	// Output: 287082
}
