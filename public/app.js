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

// A page that is left open leaves when its session ends elsewhere. A browser
// opens six connections to a host at most, so only visible pages listen, and
// where the browser has locks (in secure contexts), one of them for all.
const watched = document.body.dataset.watch;
if (watched) {
	const shared = navigator.locks && new BroadcastChannel(watched);
	let answering = false; // a form was sent, which may end the session itself
	let stop = () => {};
	const leave = () => {
		if (!answering && !document.hidden) { // else its answer says what to show next, or it asks again when it is seen
			location.href = "/login?ended=1&next=" + encodeURIComponent(location.pathname + location.search);
		}
	};
	const listen = (signal) => new Promise((done) => {
		signal.throwIfAborted();
		const source = new EventSource(watched);
		signal.addEventListener("abort", () => {
			source.close();
			done();
		});
		source.addEventListener("ended", () => {
			stop();
			shared?.postMessage("ended");
			leave();
		});
		source.addEventListener("error", () => {
			if (source.readyState === EventSource.CLOSED) { // the browser does not ask again: the server can't answer
				stop();
				setTimeout(start, 5000);
			}
		});
	});
	const start = () => {
		stop();
		if (document.hidden) {
			return;
		}
		const controller = new AbortController();
		const { signal } = controller;
		stop = () => controller.abort();
		if (shared) {
			navigator.locks.request(watched, { signal }, () => listen(signal)).catch(() => {}); // stopped while it waited
		} else {
			listen(signal);
		}
	};
	shared?.addEventListener("message", leave);
	addEventListener("submit", (event) => {
		answering = !("download" in event.target.dataset); // a download leaves the page as it is
	});
	addEventListener("pagehide", () => stop());
	document.addEventListener("visibilitychange", start);
	start();
}
