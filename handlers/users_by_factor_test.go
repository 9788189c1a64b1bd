package handlers_test

import (
	"regexp"
	"slices"
	"testing"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestUsersByTheirSecondFactor: who has none, and who of them owes one.
func TestUsersByTheirSecondFactor(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("root", models.Admin)
	site.AddUser("bob", models.Member)
	site.SignedIn("eve", models.Member).SetUpApp()
	ada := site.SignIn("ada")
	ada.SetUpApp()
	cookie := ada.Cookie()
	for whom, owing := range map[models.RequiredFor][]string{models.NoOne: nil, models.Admins: {"root"}, models.Everybody: {"bob", "root"}} {
		site = site.Restart(requiredFor(whom, 0))
		ada := site.WithCookie(cookie)
		for factor, want := range map[string][]string{"": {"ada", "bob", "eve", "root"}, "none": {"bob", "root"}, "owed": owing} {
			page := ada.Get("/admin/users?factor=" + factor).Answers(200)
			var got []string
			for _, row := range regexp.MustCompile(`<th scope="row"><a href="[^"]+"><bdi>(\w+)`).FindAllStringSubmatch(page.Body, -1) {
				got = append(got, row[1])
			}
			if !slices.Equal(got, want) {
				t.Errorf("required for %s, the filter %q shows %q", whom, factor, got)
			}
			switch {
			case factor == "":
				page.Says("Everyone with an account: 4 users.").SaysNot("Clear filters")
			case want == nil:
				page.Says("0 of 4 users.").Says("No users match.")
			default:
				page.Says("of 4 users.").Says(`<option value="` + factor + `" selected>`)
			}
		}
	}
}
