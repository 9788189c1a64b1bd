package handlers

import (
	"daypass/models"
)

// Chart shows sign-ins over time as bars, for partials/chart: a picture for
// those who see, and the same figures as a table for screen readers.
type Chart struct {
	Title string
	Unit  string // of a slot: Day or Hour
	Width int
	Most  int // the height of the picture
	Slots []Slot
}

// Slot is one span of time. The places are in the units of the picture: ten to a slot, a hundred high.
type Slot struct {
	Label            string
	Worked, Rejected int
	WorkedX          int
	WorkedY          int
	WorkedHeight     int
	RejectedX        int
	RejectedY        int
	RejectedHeight   int
}

// signInChart draws counted sign-ins; layout is how a slot is labelled.
func signInChart(title, unit, layout string, counted []models.Counted) Chart {
	chart := Chart{Title: title, Unit: unit, Width: 10 * len(counted), Most: 1}
	for _, count := range counted {
		chart.Most = max(chart.Most, count.Worked, count.Rejected)
	}
	height := func(count int) int {
		if count == 0 {
			return 0
		}
		return max(2, 100*count/chart.Most)
	}
	for i, count := range counted {
		slot := Slot{Label: count.From.Format(layout), Worked: count.Worked, Rejected: count.Rejected, WorkedX: 10*i + 2, RejectedX: 10*i + 5}
		slot.WorkedHeight, slot.RejectedHeight = height(count.Worked), height(count.Rejected)
		slot.WorkedY, slot.RejectedY = 100-slot.WorkedHeight, 100-slot.RejectedHeight
		chart.Slots = append(chart.Slots, slot)
	}
	return chart
}
