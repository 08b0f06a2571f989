/** GraphiQL, with this gateway's examples. */

import "graphiql/setup-workers/vite";
import "graphiql/style.css";

import { type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import type { Storage } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { useCallback, useEffect, useState } from "react";
import { type Example, EXAMPLES, type Known } from "./examples";
import { fetcher } from "./gateway";

function ExampleList() {
  const { addTab } = useGraphiQLActions();
  const query = useGraphiQL((state) => state.queryEditor);
  const variables = useGraphiQL((state) => state.variableEditor);
  const [opened, setOpened] = useState<Example>();

  // The editors hold the new tab once it is there, and what is written into them belongs to it.
  useEffect(() => {
    if (!opened) return;
    query?.setValue(opened.query);
    variables?.setValue(opened.variables);
    setOpened(undefined);
  }, [opened, query, variables]);

  const open = (example: Example) => {
    addTab();
    setOpened(example);
  };
  return (
    <section aria-label="Examples" className="examples">
      <h2>Examples</h2>
      <p>Each opens in a tab of its own. They work one after the other as they stand.</p>
      <ol>
        {EXAMPLES.map((example) => (
          <li key={example.title}>
            <button type="button" onClick={() => open(example)}>
              {example.title}
            </button>
            <span>{example.about}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

const LightBulb = () => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" aria-hidden>
    <path d="M9 18h6m-5 3h4m-6.5-8.5a5.5 5.5 0 1 1 9 0c-.9 1.1-1.5 2-1.5 3.5H9c0-1.5-.6-2.4-1.5-3.5z" />
  </svg>
);

const EXAMPLES_PLUGIN: GraphiQLPlugin = { title: "Examples", icon: LightBulb, content: ExampleList };
const PREFIX = "saifu:";
const PLUGINS = [EXAMPLES_PLUGIN, HISTORY_PLUGIN];
const TABS = EXAMPLES.map(({ query, variables }) => ({ query, variables }));

const names = (): string[] => Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));

/** The browser's own, under names that no other GraphiQL at this address uses; no credential is ever put there. */
const STORAGE: Storage = {
  getItem: (name) => localStorage.getItem(PREFIX + name),
  setItem: (name, value) => localStorage.setItem(PREFIX + name, value),
  removeItem: (name) => localStorage.removeItem(PREFIX + name),
  clear: () => names().forEach((name) => localStorage.removeItem(name)),
  get length() {
    return names().length;
  },
};

/** Puts ids where an example still waits for them, and tells when there is something to type into. */
function Filled({ known, onReady }: { known: Known; onReady: () => void }) {
  const variables = useGraphiQL((state) => state.variableEditor);
  const isReady = useGraphiQL((state) => Boolean(state.queryEditor && state.variableEditor && state.responseEditor));

  useEffect(() => {
    if (isReady) onReady();
  }, [isReady, onReady]);
  useEffect(() => {
    if (!variables) return;
    const fill = () => {
      const text = variables.getValue();
      const filled = Object.entries(known).reduce((before, [unknown, id]) => before.replaceAll(unknown, id), text);
      if (filled !== text) variables.setValue(filled);
    };
    fill();
    // A change made while one is being told of would reach the editor's workers before it, and put them out of step.
    const changes = variables.onDidChangeModelContent(() => queueMicrotask(fill));
    return () => changes.dispose();
  }, [variables, known]);
  return null;
}

interface Props {
  known: Known;
  mayReadSchema: boolean;
}

export function Editor({ known, mayReadSchema }: Props) {
  const [isFirstVisit] = useState(() => STORAGE.getItem("graphiql:tabState") === null);
  const [isReady, setReady] = useState(false);
  const onReady = useCallback(() => setReady(true), []);
  return (
    // Who turns to another tab before the editors are there would keep the first one's text in it.
    <div className="editor" inert={!isReady}>
      <GraphiQL
        fetcher={fetcher}
        plugins={PLUGINS}
        storage={STORAGE}
        defaultTabs={TABS}
        // Of the default tabs GraphiQL forgets the first one's variables.
        {...(isFirstVisit ? { initialVariables: TABS[0]!.variables } : {})}
        defaultEditorToolsVisibility="variables"
        // There is one place for the credential, and it is not in here.
        isHeadersEditorEnabled={false}
        showPersistHeadersSettings={false}
        schemaDescription
        {...(mayReadSchema ? {} : { schema: null })}
      >
        <GraphiQL.Logo>{null}</GraphiQL.Logo>
        <Filled known={known} onReady={onReady} />
      </GraphiQL>
    </div>
  );
}
