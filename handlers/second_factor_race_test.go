package handlers_test

import (
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestS9NothingInFlightPassesTheSecondStep races the end of sign-ins whose both factors
// were right against what ends them, round after round: no session is left.
func TestS9NothingInFlightPassesTheSecondStep(t *testing.T) {
	t.Parallel()
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	site := sitetest.Start(t)
	site.StopClock()
	site.AddUser("root", models.Admin)
	app := site.SignIn("ada").SetUpApp()
	ends := []func(user *models.User) error{
		func(user *models.User) error {
			_, err := site.DB.EndSessionsOf(t.Context(), user, models.CommandLine)
			return err
		},
		func(user *models.User) error { return site.DB.SetDisabled(t.Context(), user, true, models.CommandLine) },
		func(user *models.User) error {
			if err := site.DB.SetRole(t.Context(), user, models.Member, models.CommandLine); err != nil {
				return err
			}
			_, err := site.DB.EndSessionsOf(t.Context(), user, models.CommandLine)
			return err
		},
		func(user *models.User) error { // what is added behind the back of the pending sign-in
			site.Change(`UPDATE users SET factors = 'others' WHERE id = '` + user.ID + `'`)
			_, err := site.DB.EndSessionsOf(t.Context(), user, models.CommandLine)
			return err
		},
	}
	opened := 0
	for round := range rounds {
		site.Advance(time.Minute)
		user := site.User("ada")
		var pending []*models.PendingSignIn
		for range 3 {
			p := &models.PendingSignIn{ID: rand.Text(), Kind: models.OwesSecondFactor, Method: models.ByPassword, User: *user}
			sitetest.Must(t, site.DB.AddPendingSignIn(t.Context(), p))
			pending = append(pending, p)
		}
		factor, err := site.DB.CheckCode(t.Context(), user, pending[0], app.Code(), models.ClientInfo{})
		sitetest.Must(t, err)
		var flight sync.WaitGroup
		var mutex sync.Mutex
		won := 0
		for i := range 6 {
			flight.Go(func() {
				_, err := site.DB.AddSession(t.Context(), models.SignIn{ID: rand.Text(), User: &pending[i%3].User, Lifetime: time.Hour, Method: models.ByPassword, Factor: factor, Pending: pending[i%3]})
				mutex.Lock()
				defer mutex.Unlock()
				if err == nil {
					won++
				}
			})
		}
		flight.Go(func() {
			if err := ends[round%len(ends)](user); err != nil {
				t.Error(err)
			}
		})
		flight.Wait()
		opened += won
		if left := site.Count(`SELECT COUNT(*) FROM sessions WHERE user_id = '` + user.ID + `'`); left != 0 || won > 1 {
			t.Fatalf("round %d: %d sign-ins with one code succeeded, and %d sessions are left", round, won, left)
		}
		site.Change(`DELETE FROM pending_sign_ins`)
		site.Change(`DELETE FROM code_failures`) // the right code forgives nothing when something else ends the sign-in
		sitetest.Must(t, site.DB.SetDisabled(t.Context(), user, false, models.CommandLine))
		sitetest.Must(t, site.DB.SetRole(t.Context(), user, models.Admin, models.CommandLine))
	}
	t.Logf("%d rounds, in %d of which the sign-in was faster", rounds, opened)
}
