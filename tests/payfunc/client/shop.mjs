// What every programme here begins with: the keys, the vendor's packages, and calls as it makes them.
import assert from "node:assert/strict"
import { register } from "node:module"
import { pathToFileURL } from "node:url"

register(new URL("./hooks.mjs", import.meta.url))
const packages = pathToFileURL(process.env.CLIENTS + "/node_modules/")
export const { Item } = await import(new URL("@payfunc/model-base/dist/index.js", packages))
export const { Card, Key } = await import(new URL("@payfunc/model-card/dist/index.js", packages))
export const { authly } = await import(new URL("authly/dist/mjs/index.js", packages))

export const keys = JSON.parse(process.env.KEYS)
const pem = keys.verify_pem.replace(/-----[A-Z ]+-----|\s/g, "")
export const verifier = authly.Verifier.create(authly.Algorithm.RS256(pem))
export const stranger = authly.Verifier.create(authly.Algorithm.RS256(process.env.STRANGER))
export const key = await authly.Verifier.create().unpack(keys.public)
assert.ok(Key.Audience.is(key.aud))
assert.ok(authly.Identifier.is(key.sub, 8))
export const cards = await Key.extractCardUrl(keys.public, "public")
assert.equal(cards, key.card.url)

export async function ask(url, body, { key = keys.private, accept, method = "POST" } = {}) {
	const headers = { authorization: `Bearer ${key}`, "content-type": "application/json; charset=utf-8" }
	if (accept) headers.accept = accept
	const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) })
	const type = answer.headers.get("content-type")
	const value = type == "application/json; charset=utf-8" ? await answer.json() : await answer.text()
	return { status: answer.status, type, value }
}

export async function token(pan) {
	const card = { pan, expires: [2, 39], csc: "987" }
	assert.ok(Card.Creatable.is(card))
	const made = await ask(cards + "/card", card, { key: keys.public })
	assert.equal(made.type, "application/jwt; charset=utf-8")
	return made.value
}
