import type { Shown } from "./shown.ts";
import type { Side, State } from "./store.ts";

const SIDES: readonly Side[] = ["icicle", "treemap", "matrix", "pair"];
const THEMES: readonly State["theme"][] = ["auto", "light", "dark"];
const LONGEST = 200; // signs of a query

/** What the URL keeps. */
export type Kept = Pick<State, "focus" | "selected" | "k" | "least" | "colour" | "side" | "query" | "theme">;

/** The state as the text of a URL hash, without what is as at the start; nodes by ids that outlast edits. */
export function toHash(state: Kept, start: Kept, shown: Shown): string {
  const fields = new URLSearchParams();
  const node = (name: "focus" | "selected", usual: number): void => {
    if (state[name] !== usual) fields.set(name, String(shown.id(state[name])));
  };
  node("focus", shown.tree.root);
  node("selected", state.focus);
  for (const name of ["k", "least", "colour", "side", "query", "theme"] as const) {
    if (state[name] !== start[name]) fields.set(name, String(state[name]));
  }
  const text = fields.toString();
  return text === "" ? "" : `#${text}`;
}

/** The state that a hash tells of; what it does not tell, or tells wrongly, is as at the start. */
export function fromHash(hash: string, start: Kept, shown: Shown): Kept {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const number = (name: string, most: number): number | null => {
    const text = fields.get(name) ?? "";
    return /^\d{1,10}$/.test(text) && Number(text) <= most ? Number(text) : null;
  };
  const one = <T extends string>(name: string, known: readonly T[], usual: T): T => {
    const text = fields.get(name);
    return known.find((own) => own === text) ?? usual;
  };
  const node = (name: string, usual: number): number => {
    const id = number(name, Number.MAX_SAFE_INTEGER);
    return (id === null ? null : shown.node(id)) ?? usual;
  };
  const { n, root } = shown.tree;
  const focus = node("focus", root);
  return {
    focus,
    selected: node("selected", focus),
    k: Math.max(number("k", n) ?? Math.min(start.k, n), 1),
    least: Math.max(number("least", n) ?? start.least, 1),
    colour: one("colour", ["branch", "layer", ...(shown.data.head.match === null ? [] : ["agreement"]), ...shown.page.columns.map(({ title }) => title)], start.colour),
    side: one("side", SIDES, start.side),
    query: (fields.get("query") ?? start.query).slice(0, LONGEST),
    theme: one("theme", THEMES, start.theme),
  };
}
