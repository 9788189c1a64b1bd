package render

import (
	"testing"

	"daypass/models"
)

func TestBarsAreAsHighAsWhatTheyCount(t *testing.T) {
	chart := SignInChart("Sign-ins", "Day", "2 Jan", []models.SignInCount{{Succeeded: 200, Failed: 50}, {}, {Succeeded: 1}})
	if chart.Most != 200 || chart.Width != 30 || chart.SucceededBars != "M2 100v-100h3v100zM22 100v-2h3v2z" || chart.FailedBars != "M5 100v-25h3v25z" {
		t.Errorf("%+v", chart)
	}
	if none := SignInChart("Sign-ins", "Day", "2 Jan", []models.SignInCount{{}}); none.Most != 1 || none.SucceededBars != "" {
		t.Errorf("%+v", none)
	}
}
