// These packages were made for bundlers: they are modules, but do not say so, and leave out endings.
import { existsSync, readFileSync, statSync } from "node:fs"
import { fileURLToPath } from "node:url"

const folder = (url) => existsSync(url) && statSync(url).isDirectory()

// What one of them wants of a library that is compiled, Node has had itself since.
const crypto = 'import { webcrypto } from "node:crypto"; export class Crypto { constructor() { return webcrypto } }; export default { Crypto }'

export async function resolve(specifier, context, next) {
	if (specifier == "node-webcrypto-ossl")
		return { url: "data:text/javascript," + encodeURIComponent(crypto), shortCircuit: true }
	if (specifier.startsWith(".") && context.parentURL) {
		const url = new URL(specifier, context.parentURL)
		for (const end of folder(url) ? ["/index.js"] : ["", ".js"])
			if (existsSync(new URL(url.href + end)))
				return { url: url.href + end, shortCircuit: true }
	}
	return next(specifier, context)
}

export async function load(url, context, next) {
	if (url.startsWith("file:") && url.endsWith(".js")) {
		const source = readFileSync(fileURLToPath(url), "utf8")
		if (/^(?:import|export) /m.test(source) && !source.includes("exports."))
			return { format: "module", source, shortCircuit: true }
	}
	return next(url, context)
}
