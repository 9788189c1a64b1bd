package render

import (
	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
	"daypass/models"
)

// Table is the head of a table, for partials/table. Below it the page writes the rows
// and partials/table-end:
//
//	{{template "partials/table" .Table}}
//	{{range .Notes}}<tr><td>{{.Title}}</td><td class="number">{{.Pages}}</td></tr>{{end}}
//	{{template "partials/table-end" .}}
type Table struct {
	Label   string // names the table to screen readers
	Columns []Column
}

// Column is a column of a table.
type Column struct {
	Label  string
	Hidden bool        // the label is for screen readers alone
	Select bool        // of checkboxes named id: the label, for screen readers, and one for all with the script
	Number bool        // numbers are aligned to the right
	Sort   models.Sort // what a click on the heading sorts by first; empty: nothing

	Href   string // where the heading leads
	Sorted string // ascending or descending, if the table is sorted by this column
}

// SortedTable makes the headings of a table links that sort the list of this request. It is
// sorted by what the parameter sort names, or else by the fallback.
func SortedTable(c *fiber.Ctx, label string, fallback models.Sort, columns []Column) Table {
	sorted := models.Sort(web.Query(c, "sort"))
	if sorted == "" {
		sorted = fallback
	}
	for i := range columns {
		column := &columns[i]
		if column.Sort == "" {
			continue
		}
		next := column.Sort
		if sorted == column.Sort || sorted == column.Sort.Reversed() {
			column.Sorted = "ascending"
			if sorted.Descending() {
				column.Sorted = "descending"
			}
			next = sorted.Reversed()
		}
		column.Href = web.Address(c, "sort", string(next))
	}
	return Table{Label: label, Columns: columns}
}
