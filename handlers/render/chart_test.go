package render

import (
	"strings"
	"testing"
)

func TestBarsAreAsHighAsWhatTheyCount(t *testing.T) {
	t.Parallel()
	two := []Series{{Name: "Signed in"}, {Name: "Failed", Tone: "bad"}}
	for _, test := range []struct {
		chart      Chart
		top, width int
		bars       []string
	}{
		{Chart{Series: two, Slots: []Slot{{Label: "1 Nov", Values: []int{200, 50}}, {Label: "2 Nov", Values: []int{0, 0}}, {Label: "3 Nov", Values: []int{1, 0}}}}, 200, 30,
			[]string{"M2 100v-100h3v100zM22 100v-2h3v2z", "M5 100v-25h3v25z"}},
		{Chart{Series: two, Slots: []Slot{{Label: "1 Nov", Values: []int{0, 0}}}}, 2, 10, []string{"", ""}},
		{Chart{Series: []Series{{Name: "Orders"}}, Slots: []Slot{{Label: "Nov", Values: []int{37}}, {Label: "Dec", Values: []int{40}}}}, 40, 20, []string{"M2 100v-92h6v92zM12 100v-100h6v100z"}},
	} {
		bars, err := test.chart.Bars()
		if err != nil || len(bars) != len(test.bars) || test.chart.Top() != test.top || test.chart.Width() != test.width {
			t.Fatalf("%+v: %v %v, %d high, %d wide", test.chart, bars, err, test.chart.Top(), test.chart.Width())
		}
		for i, want := range test.bars {
			if bars[i].Path != want || bars[i].Series != test.chart.Series[i] {
				t.Errorf("%+v: %+v, not %s", test.chart, bars[i], want)
			}
		}
	}
}

// TestAScaleIsReadEasily: the highest bar fills most of the picture, and the line in the middle is a round number.
func TestAScaleIsReadEasily(t *testing.T) {
	t.Parallel()
	for most, half := range map[int]int{0: 1, 1: 1, 2: 1, 3: 2, 8: 4, 9: 5, 12: 6, 13: 8, 17: 10, 22: 15, 41: 25, 61: 40, 101: 60, 999: 500, 47_200: 25_000} {
		if got := (Chart{Slots: []Slot{{Label: "x", Values: []int{most}}}}).Half(); got != half {
			t.Errorf("half of a chart of %d is %d, not %d", most, got, half)
		}
	}
}

func TestASlotHasAValueForEachSeries(t *testing.T) {
	t.Parallel()
	chart := Chart{Title: "Orders", Series: []Series{{Name: "New"}, {Name: "Paid"}}, Slots: []Slot{{Label: "Nov", Values: []int{1}}}}
	if _, err := chart.Bars(); err == nil || !strings.Contains(err.Error(), `the slot "Nov" of the chart "Orders" has 1 values for 2 series`) {
		t.Error(err)
	}
}
