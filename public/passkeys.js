// Uses passkeys: the browser's own dialog gives an answer, which an ordinary form sends.
// Without this script nothing of passkeys is shown, and all other ways to sign in work.
// What is written out here has methods in new browsers, which password managers break.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) => buffer ? btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") : undefined;

const decoded = (options) => ({
	...options,
	challenge: bytes(options.challenge),
	user: options.user && { ...options.user, id: bytes(options.user.id) },
	allowCredentials: options.allowCredentials?.map((one) => ({ ...one, id: bytes(one.id) })),
	excludeCredentials: options.excludeCredentials?.map((one) => ({ ...one, id: bytes(one.id) })),
});

const encoded = ({ id, rawId, type, response }, extensions) => JSON.stringify({
	id, type, rawId: text(rawId), clientExtensionResults: { credProps: extensions?.credProps },
	response: {
		clientDataJSON: text(response.clientDataJSON),
		attestationObject: text(response.attestationObject),
		transports: response.getTransports?.(),
		authenticatorData: text(response.authenticatorData),
		signature: text(response.signature),
		userHandle: text(response.userHandle),
	},
});

// What the browser needs to use a passkey is in the page, and counts for 5 minutes. So an
// older page is read anew. So is every page that makes a passkey: the device keeps one that
// is refused here. When there is no such page any more, the browser goes where it leads.
const opened = Date.now();

async function optionsOf(button, signal) {
	const { form, dataset: { options, passkey } } = button;
	if (passkey === "get" && Date.now() - opened < 240_000) {
		return JSON.parse(options);
	}
	const page = new URL(form.action);
	for (const name of ["form", "next"]) {
		form.elements[name] && page.searchParams.set(name, form.elements[name].value);
	}
	const answer = await fetch(page, { signal });
	const now = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(`[data-passkey="${passkey}"][data-options]`);
	if (!now) {
		location = answer.url;
		return new Promise(() => {});
	}
	if (form.elements.handle) {
		form.elements.handle.value = now.form.elements.handle.value;
	}
	return JSON.parse(now.dataset.options);
}

let waiting; // what the browser is being asked at the moment: it takes one question at a time

async function ask(button, mediation) {
	waiting?.abort();
	const { signal } = waiting = new AbortController();
	const said = button.parentElement.querySelector("[data-cancelled]");
	said.textContent = "";
	try {
		const { from, passkey } = button.dataset;
		const publicKey = decoded(from ? await (await fetch(from, { signal })).json() : await optionsOf(button, signal));
		const answer = await navigator.credentials[passkey]({ publicKey, signal, mediation });
		button.form.elements.passkey.value = encoded(answer, answer.getClientExtensionResults?.());
		button.form.noValidate = true; // a code need not be typed as well
		button.form.requestSubmit();
	} catch (error) {
		if (!mediation && !signal.aborted) {
			said.textContent = error.name === "InvalidStateError" ? said.dataset.there : said.dataset.cancelled;
		}
	}
}

// The browser offers passkeys where the username is typed. A question counts for 5
// minutes, so it is asked anew before that.
async function offer(button) {
	if (await PublicKeyCredential.isConditionalMediationAvailable?.()) {
		const again = () => document.hidden || waiting?.clicked || ask(button, "conditional");
		again();
		setInterval(again, 240_000);
		document.addEventListener("visibilitychange", again);
	}
}

if (window.PublicKeyCredential) {
	for (const shown of document.querySelectorAll("[data-needs-passkeys]")) {
		shown.hidden = false;
	}
	for (const button of document.querySelectorAll("button[data-passkey]")) {
		button.hidden = false;
		button.addEventListener("click", async event => {
			event.preventDefault(); // the form is sent with the answer
			if (button.form.elements.name && !button.form.reportValidity()) {
				return;
			}
			const done = ask(button);
			const asked = waiting; // the next click puts another one in its place
			asked.clicked = true;
			await done;
			asked.clicked = false;
		});
		if ("autofill" in button.dataset) {
			offer(button);
		}
	}
	// The browser forgets the passkeys that were removed here.
	const accepted = document.querySelector("[data-accepted]")?.dataset.accepted;
	if (accepted) {
		PublicKeyCredential.signalAllAcceptedCredentials?.(JSON.parse(accepted)).catch(() => {});
	}
}
