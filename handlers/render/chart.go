package render

import (
	"fmt"
	"strings"

	"daypass/models"
)

// Chart shows sign-ins over time as bars, for partials/chart: a picture for
// those who see, and the same figures as a table for screen readers.
type Chart struct {
	Title string
	Unit  string // of a slot: Day or Hour
	Width int    // of the picture: ten to a slot
	Most  int    // the count at the top of the picture
	Slots []Slot
	// The bars, as SVG paths. The picture is 100 units high.
	SucceededBars, FailedBars string
}

// Slot is one span of time.
type Slot struct {
	Label             string
	Succeeded, Failed int
}

// SignInChart draws counted sign-ins; layout is how a slot is labelled.
func SignInChart(title, unit, layout string, counted []models.SignInCount) Chart {
	chart := Chart{Title: title, Unit: unit, Width: 10 * len(counted), Most: 1}
	for _, count := range counted {
		chart.Most = max(chart.Most, count.Succeeded, count.Failed)
	}
	var succeeded, failed strings.Builder
	for i, count := range counted {
		chart.Slots = append(chart.Slots, Slot{count.From.Format(layout), count.Succeeded, count.Failed})
		chart.draw(&succeeded, 10*i+2, count.Succeeded)
		chart.draw(&failed, 10*i+5, count.Failed)
	}
	chart.SucceededBars, chart.FailedBars = succeeded.String(), failed.String()
	return chart
}

// draw adds a bar whose left edge is at x. Even the smallest can be seen.
func (c *Chart) draw(bars *strings.Builder, x, count int) {
	if count > 0 {
		height := max(2, 100*count/c.Most)
		fmt.Fprintf(bars, "M%d 100v-%dh3v%dz", x, height, height)
	}
}
