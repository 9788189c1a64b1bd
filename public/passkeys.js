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

const encoded = ({ id, rawId, type, response }) => JSON.stringify({
	id, type, rawId: text(rawId), clientExtensionResults: {},
	response: {
		clientDataJSON: text(response.clientDataJSON),
		attestationObject: text(response.attestationObject),
		transports: response.getTransports?.(),
		authenticatorData: text(response.authenticatorData),
		signature: text(response.signature),
		userHandle: text(response.userHandle),
	},
});

let waiting; // what the browser is being asked at the moment: it takes one question at a time

async function ask(button, mediation) {
	waiting?.abort();
	const { signal } = waiting = new AbortController();
	const said = button.parentElement.querySelector("[data-cancelled]");
	said.textContent = "";
	try {
		const { options, from, passkey } = button.dataset;
		const publicKey = decoded(options ? JSON.parse(options) : await (await fetch(from, { signal })).json());
		const answer = await navigator.credentials[passkey]({ publicKey, signal, mediation });
		button.form.elements.passkey.value = encoded(answer);
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
			waiting.clicked = true;
			await done;
			waiting.clicked = false;
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
