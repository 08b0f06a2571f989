/** The bar above the editor: who is signed in, and the one place where that is changed. */

import { type FormEvent, useId, useState } from "react";
import icon from "./favicon.svg";
import type { Standing, Viewer } from "./gateway";
import { signIn, signOut } from "./session";

function Credential({ onDone }: { onDone?: () => void }) {
  const field = useId();
  const [given, setGiven] = useState("");
  const [shown, setShown] = useState(false);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn(given);
    setGiven("");
    onDone?.();
  };
  return (
    <form onSubmit={submit} className="credential">
      <label htmlFor={field}>API key or session token</label>
      <span className="field">
        <input
          id={field}
          type={shown ? "text" : "password"}
          value={given}
          onChange={(event) => setGiven(event.target.value)}
          placeholder="sk_test_… or cs_…"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          required
        />
        <button type="button" aria-pressed={shown} onClick={() => setShown(!shown)}>
          {shown ? "Hide" : "Show"}
        </button>
        <button type="submit" className="main">
          Sign in
        </button>
        {onDone && (
          <button type="button" onClick={onDone}>
            Cancel
          </button>
        )}
      </span>
    </form>
  );
}

/** Of scopes what a person wants to know: all, or which. */
function rights({ scopes, customerId }: Viewer): string {
  if (customerId) return `sees ${customerId} alone`;
  if (scopes.includes("ADMIN")) return "may do everything";
  return `may ${scopes.map((scope) => scope.toLowerCase().replace("_", ":")).join(", ")}`;
}

function SignedIn({ viewer }: { viewer: Viewer }) {
  return (
    <p className="viewer">
      <strong className={`mode ${viewer.mode.toLowerCase()}`}>{viewer.mode.toLowerCase()} mode</strong>
      <span>
        {viewer.customerId ? "Customer session" : "API key"} <code>{viewer.credentialId}</code>
      </span>
      <span>{rights(viewer)}</span>
    </p>
  );
}

// A tab opened by this one inherits the credential; one that is opened by hand starts signed out.
const openSecondTab = () => window.open(location.pathname);

export function Bar({ standing }: { standing: Standing }) {
  const [changing, setChanging] = useState(false);
  const isKnown = standing.is === "known";
  return (
    <header className="bar">
      <h1>
        <img src={icon} alt="" width="24" height="24" />
        saifu <span>explorer</span>
      </h1>
      {isKnown && !changing && (
        <>
          <SignedIn viewer={standing.viewer} />
          <span className="actions">
            <button type="button" onClick={openSecondTab}>
              Second tab
            </button>
            <button type="button" onClick={() => setChanging(true)}>
              Change key
            </button>
            <button type="button" onClick={signOut}>
              Sign out
            </button>
          </span>
        </>
      )}
      {isKnown && changing && <Credential onDone={() => setChanging(false)} />}
      {(standing.is === "nobody" || standing.is === "refused") && <Credential />}
    </header>
  );
}
