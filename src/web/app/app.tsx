/** The page: the bar, and below it the editor, or what to do until there is one. */

import { StrictMode, useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { Bar } from "./bar";
import { Editor } from "./editor";
import { type Known, UNKNOWN_CUSTOMER, UNKNOWN_PAYMENT } from "./examples";
import { listen, type Standing, someCustomer, standing as asked, type Viewer } from "./gateway";
import { credential, onCredential } from "./session";

const REFUSED_LATER = "The key was revoked or has expired. What you wrote is still here.";

/** The standing of the credential, asked again whenever that changes. */
function useStanding() {
  const key = useSyncExternalStore(onCredential, credential);
  const [standing, setStanding] = useState<Standing>({ is: "asking" });
  const [known, setKnown] = useState<Known>({});
  const latest = useRef(0);
  const learn = useCallback(
    (unknown: string) => (id: string) => setKnown((before) => ({ ...before, [unknown]: id })),
    [],
  );

  const again = useCallback(async () => {
    const turn = ++latest.current;
    const answer = await asked();
    if (turn !== latest.current) return;
    setStanding(answer);
    if (answer.is !== "known") return;
    const customer = await someCustomer(answer.viewer);
    if (turn === latest.current && customer) learn(UNKNOWN_CUSTOMER)(customer);
  }, [learn]);

  useEffect(() => void again(), [again, key]);
  useEffect(() => {
    const refused = () =>
      setStanding((before) => (before.is === "known" ? { is: "refused", why: REFUSED_LATER } : before));
    listen({ refused, created: learn(UNKNOWN_CUSTOMER), charged: learn(UNKNOWN_PAYMENT) });
  }, [learn]);
  return { standing, known, again };
}

const Refused = ({ why }: { why: string }) => (
  <p role="alert" className="alert">
    <strong>Not signed in.</strong> {why}
  </p>
);

function Away({ why, again }: { why: string; again: () => void }) {
  return (
    <p role="alert" className="alert">
      <strong>No answer.</strong> {why}{" "}
      <button type="button" onClick={again}>
        Try again
      </button>
    </p>
  );
}

const HowToSignIn = () => (
  <section className="welcome">
    <h2>Sign in to explore</h2>
    <p>Everything this gateway does is done with a credential. Any of these will do:</p>
    <ul>
      <li>
        <strong>The admin key</strong> that <code>saifu serve</code> printed when it made its database. It was shown
        that once, with a link that signs this page in. If <code>SAIFU_ADMIN_KEY</code> is set, it is that one.
      </li>
      <li>
        <strong>Another key</strong>, if that one is lost. Where the gateway runs (on SQLite: while it is stopped):
        <pre>
          <code>saifu key create explorer --scope admin</code>
        </pre>
      </li>
      <li>
        <strong>A customer session</strong>, <code>cs_…</code>, as <code>customerSessionCreate</code> returns it, to see
        what a customer's browser would see.
      </li>
    </ul>
    <p>It stays in this tab, is sent to this gateway alone, and is forgotten when the tab is closed.</p>
  </section>
);

function Page() {
  const { standing, known, again } = useStanding();
  const [viewer, setViewer] = useState<Viewer | null>(null);
  // Whoever is thrown out while working keeps the editor, and what is in it.
  if (standing.is === "known" && standing.viewer !== viewer) setViewer(standing.viewer);
  if (standing.is === "nobody" && viewer) setViewer(null);
  return (
    <>
      <Bar standing={standing} />
      {standing.is === "refused" && <Refused why={standing.why} />}
      {standing.is === "away" && <Away why={standing.why} again={again} />}
      <main>
        {viewer && <Editor known={known} mayReadSchema={mayReadSchema(viewer)} />}
        {!viewer && (standing.is === "asking" ? <Asking /> : <HowToSignIn />)}
      </main>
    </>
  );
}

/** Where money is real, the schema is for admins only; others may still ask what they know of. */
const mayReadSchema = ({ mode, scopes }: Viewer): boolean => mode === "TEST" || scopes.includes("ADMIN");

const Asking = () => <p className="welcome">Asking the gateway who you are …</p>;

createRoot(document.getElementById("explorer")!).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
