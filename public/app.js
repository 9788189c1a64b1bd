// Everything works without this script. It shows times in the reader's time zone,
// with words such as "5 minutes ago" that stay true while the page is open; closes
// what was opened; switches the theme; warns before the session ends, and leaves the
// page when it has ended; and reloads a page that the browser kept for the way back,
// which may be one that nobody is signed in for any more.
"use strict";

addEventListener("pagehide", () => {
	document.documentElement.hidden = true;
});
addEventListener("pageshow", (event) => {
	if (event.persisted) {
		location.reload();
	}
});

// A page's words are in its language; dates are written as the browser's has it.
const words = document.documentElement.lang;
const locale = navigator.language || words;
const relative = new Intl.RelativeTimeFormat(words);
const nextDays = new Intl.RelativeTimeFormat(words, { numeric: "auto" }); // today, yesterday
const units = [["second", 1, 60], ["minute", 60, 60], ["hour", 3_600, 24], ["day", 86_400, 30], ["month", 2_629_800, 12], ["year", 31_557_600, Infinity]];

function ago(moment) {
	const seconds = (moment - Date.now()) / 1000;
	if (Math.abs(seconds) < 45) {
		return seconds > 0 ? "in a moment" : "just now";
	}
	// The first unit that isn't full when rounded: 59.7 seconds are a minute.
	const [unit, size] = units.find(([, size, full]) => Math.round(Math.abs(seconds) / size) < full);
	return relative.format(Math.round(seconds / size), unit);
}

// calendarDays counts midnights from now, not spans of 24 hours.
function calendarDays(moment) {
	const day = (of) => Date.UTC(of.getFullYear(), of.getMonth(), of.getDate()) / 86_400_000;
	return day(moment) - day(new Date());
}

// Each kind of time, as data-show names it: how it is written, and the words beside it.
const date = { day: "numeric", month: "short", year: "numeric" };
const clock = { hour: "numeric", minute: "2-digit" };
const dateAndClock = (moment, printing) => ({
	...date, ...clock,
	year: printing || moment.getFullYear() !== new Date().getFullYear() ? "numeric" : undefined,
	timeZoneName: printing ? "short" : undefined,
});
const kinds = {
	moment: (moment, printing) => [dateAndClock(moment, printing), ago(moment)],
	at: (moment, printing) => [dateAndClock(moment, printing)],
	date: () => [date],
	plain: () => [{ ...date, timeZone: "UTC" }], // a date of a calendar, the same everywhere
	utcDay: () => [{ ...date, year: undefined, timeZone: "UTC" }], // the slots of charts
	utcHour: () => [{ ...clock, timeZone: "UTC" }],
	utcMonth: () => [{ ...date, day: undefined, timeZone: "UTC" }],
	day: (moment) => [{ ...date, month: "long", weekday: "long" }, Math.abs(calendarDays(moment)) < 2 && nextDays.format(calendarDays(moment), "day")],
	clock: (moment) => [clock, Math.abs(moment - Date.now()) < 43_200_000 && ago(moment)],
};

function showTimes(printing) {
	for (const time of document.querySelectorAll("time[datetime]")) {
		const moment = new Date(time.dateTime);
		const [options, beside] = kinds[time.dataset.show || "moment"](moment, printing);
		time.lang = locale;
		time.title = options.timeZone ? "" : new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long" }).format(moment);
		time.textContent = new Intl.DateTimeFormat(locale, options).format(moment);
		if (beside && !printing) { // paper does not keep it true
			const muted = document.createElement("span");
			muted.lang = words;
			muted.textContent = beside;
			time.append(" ", muted);
		}
	}
}

// The server parts a list into days of UTC, and this into the reader's own.
for (const list of document.querySelectorAll(".days")) {
	const [heading, group] = list.children;
	const days = [];
	let last;
	for (const row of list.querySelectorAll("li")) {
		const moment = row.querySelector("time").dateTime;
		const day = new Date(moment).toDateString();
		if (day !== last) {
			days.push(heading.cloneNode(true), group.cloneNode());
			days.at(-2).querySelector("time").dateTime = moment;
			last = day;
		}
		days.at(-1).append(row);
	}
	list.replaceChildren(...days);
}

// Lists of which rows can be selected: all at once, and how many are.
for (const selected of document.querySelectorAll("[data-selected]")) {
	const { form } = selected;
	const boxes = [...form.elements].filter((box) => box.name === "id");
	const all = [...form.elements].find((box) => "all" in box.dataset);
	const show = () => {
		const count = boxes.filter((box) => box.checked).length;
		selected.textContent = count ? `${count} ${selected.dataset.selected}` : "";
		all.checked = count === boxes.length;
		all.indeterminate = count > 0 && !all.checked;
	};
	(all.closest("label") ?? all).hidden = false;
	addEventListener("change", ({ target }) => {
		if (target === all) {
			boxes.forEach((box) => { box.checked = all.checked; });
		}
		show();
	});
	addEventListener("pageshow", show); // the browser may have filled in the form again
}

// An iPad says that it is a Mac, which has no screen to touch.
for (const touch of document.querySelectorAll("input[name=touch]")) {
	touch.disabled = navigator.maxTouchPoints < 2;
}

// The days of a filter are the reader's own, too.
for (const zone of document.querySelectorAll("input[name=zone]")) {
	zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
	zone.form.querySelector(".zone").remove();
}

showTimes();
for (const chart of document.querySelectorAll(".chart")) { // its figures have the same labels as its slots
	const figures = chart.querySelectorAll(".figure > :first-child");
	const rows = chart.querySelectorAll("tbody th");
	chart.querySelectorAll(".tick time").forEach(({ textContent, lang }, i) => {
		Object.assign(figures[i], { textContent, lang });
		Object.assign(rows[i], { textContent, lang });
	});
}
setInterval(showTimes, 30_000);
addEventListener("beforeprint", () => showTimes(true));
addEventListener("afterprint", () => showTimes());

// What was opened closes with Escape, and the menu also with a click elsewhere.
addEventListener("keydown", (event) => {
	const open = event.target.closest("details[open]") ?? document.querySelector("details[open]:has(form)");
	if (event.key === "Escape" && open) {
		open.open = false;
		open.querySelector("summary").focus();
	}
});
addEventListener("click", (event) => {
	for (const open of document.querySelectorAll("details.account[open]")) {
		open.open = open.contains(event.target);
	}
});

// The theme changes without another page, so that nothing that was typed is lost.
const themes = document.querySelector("form[action='/account/theme']");
themes?.addEventListener("submit", async (event) => {
	event.preventDefault();
	const chosen = event.submitter;
	const answer = await fetch(themes.action, { method: "POST", body: new URLSearchParams({ theme: chosen.value }), redirect: "manual" }).catch(() => {});
	if (answer?.type !== "opaqueredirect") {
		location.reload(); // the page says what is wrong
		return;
	}
	if (chosen.value === "system") {
		delete document.documentElement.dataset.theme;
	} else {
		document.documentElement.dataset.theme = chosen.value;
	}
	for (const button of themes.querySelectorAll("button")) {
		button.ariaPressed = button === chosen;
	}
});

// A page that is left open leaves when its session ends elsewhere. A browser
// opens six connections to a host at most, so only visible pages listen, and
// where the browser has locks (in secure contexts), one of them for all.
let watched = document.body.dataset.events;
if (watched) {
	let shared; // a channel for each session
	let answering = false; // a form was sent, which may end the session itself
	let stop = () => {};
	// What was typed must not be lost: not to the clock, nor when somebody signs in
	// again in another tab. Passwords are not worth that.
	let typed = false;
	let asked = false;
	let ends = Date.parse(document.body.dataset.ends);
	addEventListener("input", ({ target }) => {
		typed ||= target.form?.method === "post" && !target.form.querySelector("[type=password], .password");
	});
	const ending = document.getElementById("ending"); // its texts are no <template>, which text browsers would show
	const say = (text, link) => {
		const message = document.createElement("p");
		message.className = "message";
		message.append(text, " ");
		if (link) {
			message.append(Object.assign(document.createElement("a"), { href: "/login?again=1", target: "_blank", textContent: link }));
		}
		ending.replaceChildren(...(text ? [message] : []));
	};
	let warned = false;
	const warn = () => {
		const left = ends - Date.now();
		if (!warned && left > 0 && left < 300_000) {
			warned = true;
			say(ending.dataset.soon, ending.dataset.again);
		}
	};
	warn();
	setInterval(warn, 5_000);
	const leave = () => {
		if (typed && !answering && Date.now() >= ends) {
			say(ending.dataset.over);
			return;
		}
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
			shared?.postMessage("ended");
			ended();
		});
		source.addEventListener("renewed", ({ data }) => { // the same user has signed in again
			if (!typed) {
				location.reload();
				return;
			}
			[watched, ends] = JSON.parse(data);
			asked = warned = false;
			say("");
			share();
			start();
		});
		source.addEventListener("error", () => {
			if (source.readyState === EventSource.CLOSED) { // the browser does not ask again: the server can't answer
				stop();
				setTimeout(start, 5000);
			}
		});
	});
	const ended = () => {
		stop();
		if (typed && !asked && Date.now() < ends) {
			asked = true;
			setTimeout(start, 1000); // by then the browser may have the cookie of another sign-in
		} else {
			leave();
		}
	};
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
	const share = () => {
		shared?.close();
		shared = navigator.locks && new BroadcastChannel(watched);
		shared?.addEventListener("message", ended);
	};
	addEventListener("submit", (event) => {
		answering = !event.defaultPrevented && !("download" in event.target.dataset); // a download leaves the page as it is
	});
	addEventListener("pagehide", () => stop());
	document.addEventListener("visibilitychange", start);
	share();
	start();
}
