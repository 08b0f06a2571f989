/** The one place for the credential that serves queries, mutations and the websocket alike. */

const STORE = "saifu-key";
const CREDENTIAL = /^[\x21-\x7e]+$/;

const listeners = new Set<() => void>();

export const credential = (): string => sessionStorage.getItem(STORE) ?? "";

export function onCredential(changed: () => void): () => void {
  listeners.add(changed);
  return () => listeners.delete(changed);
}

export function signIn(given: string): void {
  sessionStorage.setItem(STORE, given.trim());
  listeners.forEach((changed) => changed());
}

export function signOut(): void {
  sessionStorage.removeItem(STORE);
  listeners.forEach((changed) => changed());
}

/** Whether it can be sent at all; a header takes no spaces and no letters outside ASCII. */
export const isSendable = (given: string): boolean => CREDENTIAL.test(given);

/** `#key=…` signs in. A fragment is never sent to a server; here it leaves the address and the history too. */
function takeFromAddress(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  if (given) signIn(given);
}

takeFromAddress();
addEventListener("hashchange", takeFromAddress);
