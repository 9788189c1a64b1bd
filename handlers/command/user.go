package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"daypass/models"
)

type userCommand struct {
	Add          userAdd          `cmd:"" help:"Add a user. The password comes from a prompt, or from standard input."`
	List         userList         `cmd:"" help:"List all users."`
	Password     userPassword     `cmd:"" help:"Set a new password, and end all sessions and password links of the user."`
	Disable      userDisable      `cmd:"" help:"Block a user from signing in, and end all sessions and password links of the user."`
	Enable       userEnable       `cmd:"" help:"Let a disabled user sign in again."`
	SecondFactor userSecondFactor `cmd:"" help:"Show the second factor of a user, or reset one that was lost."`
	Remove       userRemove       `cmd:"" help:"Remove a user and everything stored about them."`
}

type userAdd struct {
	Name     string `arg:"" help:"The username."`
	FullName string `help:"The full name."`
	Admin    bool   `help:"Make the user an administrator."`
}

type userList struct {
	JSON         bool               `name:"json" help:"Print JSON."`
	Factor       string             `enum:",none,owed" default:"" placeholder:"STATE" help:"Only those without a second factor: none; or of them, those who owe one: owed."`
	SecondFactor models.RequiredFor `default:"off" enum:"off,admins,everybody" env:"DAYPASS_SECOND_FACTOR" help:"Who has to have a second factor, as the server was told."`
}

// listedUser is a user in JSON.
type listedUser struct {
	models.User
	SecondFactor bool `json:"second_factor"` // there is one
	Owes         bool `json:"owes_second_factor"`
}

type (
	named struct {
		Name string `arg:"" help:"The username."`
	}
	userPassword struct {
		named `embed:""`
	}
	userDisable struct {
		named `embed:""`
	}
	userEnable struct {
		named `embed:""`
	}
	userRemove struct {
		named `embed:""`
	}
)

func (u *userAdd) Run(ctx context.Context, at console) error {
	password, err := at.newPassword()
	if err != nil {
		return err
	}
	asked := models.NewUser{Name: u.Name, FullName: u.FullName, Password: password, Role: models.Member}
	if u.Admin {
		asked.Role = models.Admin
	}
	return at.withDatabase(ctx, true, func(db *models.DB) error {
		user, err := db.AddUser(ctx, asked, models.CommandLine)
		if err != nil {
			return err
		}
		fmt.Fprintf(at.out, "Added %s (%s).\n", user.Name, user.Role)
		return nil
	})
}

func (u *userList) Run(ctx context.Context, at console) error {
	return at.withDatabase(ctx, false, func(db *models.DB) error {
		db.SecondFactor.For = u.SecondFactor
		users, err := db.Users(ctx, models.UserFilter{Factor: u.Factor})
		if err != nil {
			return err
		}
		listed := []listedUser{} // an empty list in JSON, not null, if there are none
		rows := [][]string{{"USERNAME", "FULL NAME", "ROLE", "STATE", "SECOND FACTOR", "CREATED (UTC)"}}
		for _, user := range users {
			_, owes := db.FactorDueBy(&user)
			listed = append(listed, listedUser{user, user.HasSecondFactor(), owes})
			state, factor := "enabled", "none"
			switch {
			case owes:
				factor = "required"
			case user.HasSecondFactor():
				factor = "yes"
			}
			switch {
			case user.Disabled:
				state = "disabled"
			case user.IsInvited():
				state = "invited"
			}
			rows = append(rows, []string{user.Name, user.FullName, string(user.Role), state, factor, user.Created.UTC().Format(time.DateTime)})
		}
		if u.JSON {
			return at.printJSON(listed)
		}
		return at.printTable(rows)
	})
}

func (u *userPassword) Run(ctx context.Context, at console) error {
	return at.withUser(ctx, u.Name, func(db *models.DB, user *models.User) error {
		password, err := at.newPassword()
		if err != nil {
			return err
		}
		if err := db.SetPassword(ctx, user, password, models.CommandLine); err != nil {
			return err
		}
		fmt.Fprintf(at.out, "%s has a new password and is signed out everywhere.\n", user.Name)
		return nil
	})
}

func (u *userDisable) Run(ctx context.Context, at console) error {
	return at.withUser(ctx, u.Name, func(db *models.DB, user *models.User) error {
		if err := db.SetDisabled(ctx, user, true, models.CommandLine); err != nil {
			return err
		}
		fmt.Fprintf(at.out, "%s is disabled and signed out everywhere.\n", user.Name)
		return nil
	})
}

func (u *userEnable) Run(ctx context.Context, at console) error {
	return at.withUser(ctx, u.Name, func(db *models.DB, user *models.User) error {
		if err := db.SetDisabled(ctx, user, false, models.CommandLine); err != nil {
			return err
		}
		fmt.Fprintf(at.out, "%s can sign in again.\n", user.Name)
		return nil
	})
}

type userSecondFactor struct {
	Show  factorShow  `cmd:"" default:"withargs" help:"Show the second factor of a user. This is the default."`
	Reset factorReset `cmd:"" help:"Remove the second factor and the recovery codes of a user, and end all sessions. The password stays."`
}

type (
	factorShow struct {
		named `embed:""`
	}
	factorReset struct {
		named `embed:""`
	}
)

func (f *factorShow) Run(ctx context.Context, at console) error {
	return at.withUser(ctx, f.Name, func(db *models.DB, user *models.User) error {
		factors, err := db.FactorsOf(ctx, user)
		if err != nil {
			return err
		}
		if !user.HasSecondFactor() {
			fmt.Fprintf(at.out, "%s has no second factor.\n", user.Name)
			return nil
		}
		rows := [][]string{{"SECOND FACTOR", "ADDED (UTC)", "LAST USED (UTC)"}}
		if app := factors.App; app != nil {
			rows = append(rows, []string{"authenticator app", app.Added.UTC().Format(time.DateTime), app.Used.UTC().Format(time.DateTime)})
		}
		for _, passkey := range factors.Passkeys {
			rows = append(rows, []string{"passkey: " + passkey.Name, passkey.Added.UTC().Format(time.DateTime), passkey.Used.UTC().Format(time.DateTime)})
		}
		tested := "never tested"
		if factors.Checked() {
			tested = "tested " + factors.CodesChecked.UTC().Format(time.DateTime)
		}
		return at.printTable(append(rows, []string{fmt.Sprintf("recovery codes: %d", factors.Codes), factors.CodesMade.UTC().Format(time.DateTime), tested}))
	})
}

func (f *factorReset) Run(ctx context.Context, at console) error {
	return at.withUser(ctx, f.Name, func(db *models.DB, user *models.User) error {
		err := db.ResetSecondFactor(ctx, user, models.CommandLine)
		if errors.Is(err, models.ErrNotFound) {
			return fmt.Errorf("%s has no second factor", user.Name)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(at.out, "%s has no second factor any more and is signed out everywhere.\n", user.Name)
		if !user.HasPassword() {
			fmt.Fprintf(at.out, "There is no password either; set one with: daypass user password %s\n", user.Name)
		}
		return nil
	})
}

func (u *userRemove) Run(ctx context.Context, at console) error {
	return at.withUser(ctx, u.Name, func(db *models.DB, user *models.User) error {
		if err := db.RemoveUser(ctx, user, models.CommandLine); err != nil {
			return err
		}
		fmt.Fprintf(at.out, "%s was removed.\n", user.Name)
		return nil
	})
}
