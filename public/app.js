// Everything works without this script. It shows times as people say them, in
// their own time zone, and keeps them true while the page is open; and it asks
// anew for a page that the browser kept for the way back, which may be one that
// nobody is signed in for any more.
"use strict";

addEventListener("pagehide", () => {
	document.documentElement.hidden = true;
});
addEventListener("pageshow", (event) => {
	if (event.persisted) {
		location.reload();
	}
});

const steps = [
	["second", 60],
	["minute", 60],
	["hour", 24],
	["day", 30],
	["month", 12],
	["year", Infinity],
];
const language = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

function said(moment) {
	let amount = (moment - Date.now()) / 1000;
	if (Math.abs(amount) < 45) {
		return amount > 0 ? "in a moment" : "just now";
	}
	for (const [unit, size] of steps) {
		if (Math.abs(amount) < size) {
			return relative.format(Math.round(amount), unit);
		}
		amount /= size;
	}
}

function showTimes() {
	for (const time of document.querySelectorAll("time[datetime]")) {
		const moment = new Date(time.dateTime);
		time.title = absolute.format(moment);
		time.textContent = said(moment);
	}
}

showTimes();
setInterval(showTimes, 30_000);

// A page that is left open leaves when its session ends elsewhere.
const watched = document.body.dataset.watch;
if (watched) {
	const source = new EventSource(watched);
	let answering = false; // a form was sent, which may end the session itself
	let ended = false;
	const leave = () => {
		if (!answering) { // else its answer says what to show next
			location.href = "/login?ended=1&next=" + encodeURIComponent(location.pathname + location.search);
		}
	};
	source.addEventListener("ended", () => {
		ended = true;
		leave();
	});
	source.addEventListener("error", () => {
		if (ended) {
			source.close(); // the server has no more to say
		} else if (source.readyState === EventSource.CLOSED) {
			leave(); // the server answered something else: the way to the sign-in
		}
	});
	addEventListener("submit", () => {
		answering = true;
	});
	addEventListener("pagehide", () => source.close());
}
