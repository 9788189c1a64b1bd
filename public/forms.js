// What forms gain from a script: passwords can be shown and are judged while one
// types, a wait is counted down, and a link is copied. All forms work without it, and
// only pages that have use for it load it.
"use strict";

// After too many failures the button comes back when it is time.
for (const wait of document.querySelectorAll("[data-wait]")) {
	const form = wait.closest("form") ?? wait.closest("article").querySelector("form");
	const buttons = form.querySelectorAll("button[type=submit]");
	const until = Date.now() + wait.dataset.wait * 1000;
	const words = new Intl.RelativeTimeFormat(document.documentElement.lang);
	const tick = () => {
		const left = Math.ceil((until - Date.now()) / 1000);
		buttons.forEach((button) => { button.disabled = left > 0; });
		if (left > 0) {
			wait.textContent = left < 100 ? words.format(left, "second") : words.format(Math.ceil(left / 60), "minute");
			setTimeout(tick, 1000);
		} else {
			wait.ariaLive = "polite"; // off until here: nobody wants to hear each second
			wait.textContent = wait.dataset.over;
		}
	};
	tick();
}

for (const box of document.querySelectorAll(".password")) {
	const input = box.querySelector("input");
	const show = box.querySelector("button");
	const caps = box.querySelector("[data-caps]");
	const count = box.querySelector("[data-least]");
	const verdict = box.querySelector("[data-check]");
	show.hidden = false;
	show.addEventListener("click", () => {
		input.type = input.type === "password" ? "text" : "password";
		show.ariaPressed = input.type === "text";
		input.focus();
	});
	input.form.addEventListener("submit", () => { input.type = "password"; }); // else browsers may store it as a text
	for (const kind of ["keydown", "keyup"]) {
		input.addEventListener(kind, (event) => {
			caps.textContent = event.getModifierState?.("CapsLock") ? caps.dataset.caps : "";
		});
	}
	input.addEventListener("blur", () => { caps.textContent = ""; });
	if (!count) {
		continue;
	}
	let asking;
	const changed = () => {
		// As the server counts, which decides. A refused form would come back empty, so
		// that what is known to be refused is not sent.
		const typed = [...input.value.normalize("NFC")].length;
		const least = Number(count.dataset.least);
		const length = typed + " " + (typed === 1 ? count.dataset.one : count.dataset.many);
		count.textContent = typed === 0 ? "" : typed < least ? length + ", " + count.dataset.needed : length;
		verdict.textContent = "";
		input.setCustomValidity(typed && typed < least ? count.textContent : "");
		clearTimeout(asking);
		if (typed >= least) {
			asking = setTimeout(judge, 400);
		}
	};
	input.addEventListener("input", changed);
	for (const name of ["username", "full_name"]) { // a password is judged by them, too
		input.form.elements[name]?.addEventListener("input", changed);
	}
	const judge = async () => {
		const asked = input.value;
		const fields = { password: asked };
		for (const name of ["token", "username", "full_name"]) {
			fields[name] = input.form.elements[name]?.value ?? "";
		}
		const answer = await fetch(verdict.dataset.check, { method: "POST", body: new URLSearchParams(fields), headers: { Accept: "application/json" } }).catch(() => {});
		if (!answer?.ok || asked !== input.value) {
			return; // the length alone has to do
		}
		const { complaint } = await answer.json();
		verdict.textContent = complaint || verdict.dataset.good;
		verdict.classList.toggle("complaint", complaint !== "");
		verdict.classList.toggle("good", complaint === "");
		input.setCustomValidity(complaint);
	};
}

for (const button of document.querySelectorAll("[data-copy]")) {
	const field = document.getElementById(button.dataset.copy);
	const done = button.nextElementSibling;
	button.hidden = false;
	button.addEventListener("click", async () => {
		field.select();
		try {
			await navigator.clipboard.writeText(field.value);
		} catch { // there is none without https
			document.execCommand("copy");
		}
		done.textContent = done.dataset.done;
	});
}

// After a sign-in, the way back must not send the form anew that led to it.
addEventListener("submit", ({ target }) => {
	if (target.dataset.instead) {
		history.replaceState(null, "", target.dataset.instead);
	}
});
