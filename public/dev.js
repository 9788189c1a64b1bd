// Under --dev alone: loads the page anew when a template or an asset changes, or
// the program was started again.
"use strict";

const made = document.body.dataset.dev; // the state that this page was made from

async function look() {
	if (document.hidden) {
		return;
	}
	try {
		const answer = await fetch("/dev/state", { cache: "no-store" });
		const state = await answer.text();
		if (answer.ok && state !== made) {
			location.reload();
		}
	} catch {
		// the program is being started again
	}
}

look();
setInterval(look, 500);
document.addEventListener("visibilitychange", look);
