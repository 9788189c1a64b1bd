package render

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"daypass/models"
)

// Chart shows counts as bars, for partials/chart: a picture whose slots say their
// figures when they are pointed at, tapped or chosen with the arrow keys, and all
// figures as a table.
//
//	page.Chart = render.Chart{Title: "Orders a month", Unit: "Month", Series: []render.Series{{Name: "Orders"}}, Slots: []render.Slot{
//		{Label: "Oct", Values: []int{12}},
//		{Label: "Nov", Values: []int{31}},
//	}}
type Chart struct {
	Title  string // what is counted
	Unit   string // what a slot is, such as Month, or a day with its time zone: Day (UTC)
	Series []Series
	Slots  []Slot
}

// Series is one of the things that are counted in each slot.
type Series struct {
	Name string
	Tone string // of its bars: empty, good, bad or note
}

// Slot is a part of the horizontal axis, such as a month or a country.
type Slot struct {
	Label  string
	Values []int         // one for each series
	Time   template.HTML // the label for the script, which writes it as the browser's language does; empty: not a time
}

// Span is how long the slots of a chart last, in UTC.
type Span struct{ show, datetime, layout string }

// The spans that slots have.
var (
	Hour  = Span{"utcHour", "2006-01-02T15:04Z", "15:04"}
	Day   = Span{"utcDay", "2006-01-02", "2 Jan"}
	Month = Span{"utcMonth", "2006-01", "Jan 2006"}
)

// Slot returns the slot that begins at from, with one value for each series.
func (s Span) Slot(from time.Time, values ...int) Slot {
	from = from.UTC()
	label := from.Format(s.layout)
	return Slot{label, values, template.HTML(`<time datetime="` + from.Format(s.datetime) + `" data-show="` + s.show + `">` + label + `</time>`)}
}

// The picture is as wide as its slots, and as high as this. The browser stretches it.
const (
	slotWidth   = 10
	chartHeight = 100
	barsWidth   = 6 // of the bars of a slot; the rest parts it from its neighbours
)

// Width returns the width of the picture.
func (c Chart) Width() int { return slotWidth * len(c.Slots) }

// maxValue is the largest value that a chart shows: above it, its geometry would
// overflow.
const maxValue = 1_000_000_000_000_000

// Half returns the count at the line in the middle: a number that is easily read,
// and no less than half of the highest count.
func (c Chart) Half() int {
	most := 1
	for _, slot := range c.Slots {
		for _, value := range slot.Values {
			most = max(most, min(value, maxValue))
		}
	}
	half := (most + 1) / 2
	for tens := 1; ; tens *= 10 {
		for _, tenths := range []int{10, 15, 20, 25, 30, 40, 50, 60, 80} {
			if round := tenths * tens / 10; round >= half && 10*round == tenths*tens {
				return round
			}
		}
	}
}

// Top returns the count at the upper edge.
func (c Chart) Top() int { return 2 * c.Half() }

// Bars are the bars of one series, as an SVG path.
type Bars struct {
	Series
	Path string
}

// Bars draws the bars of all series. Even the smallest can be seen.
func (c Chart) Bars() ([]Bars, error) {
	top := c.Top()
	paths := make([]strings.Builder, len(c.Series))
	for i, slot := range c.Slots {
		if len(slot.Values) != len(c.Series) {
			return nil, fmt.Errorf("the slot %q of the chart %q has %d values for %d series", slot.Label, c.Title, len(slot.Values), len(c.Series))
		}
		width := float64(barsWidth) / float64(len(c.Series))
		for s, value := range slot.Values {
			if value > 0 {
				left := float64(slotWidth*i+(slotWidth-barsWidth)/2) + width*float64(s)
				height := max(2, chartHeight*min(value, maxValue)/top)
				fmt.Fprintf(&paths[s], "M%.5g %dv-%dh%.3gv%dz", left, chartHeight, height, width, height)
			}
		}
	}
	var bars []Bars
	for s, series := range c.Series {
		bars = append(bars, Bars{series, paths[s].String()})
	}
	return bars, nil
}

// MonthChart shows how many rows of a list belong to each month.
func MonthChart(title, rows string, counted []models.MonthCount) Chart {
	chart := Chart{Title: title, Unit: "Month", Series: []Series{{Name: rows}}}
	for _, count := range counted {
		chart.Slots = append(chart.Slots, Month.Slot(count.Month, count.Count))
	}
	return chart
}
