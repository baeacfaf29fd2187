/** What keys do anywhere in the page but in a field, each with its name for the help. */
export type Shortcuts = readonly { key: string; title: string; act: () => void }[];

/** Listens to keys of the whole page. "Ctrl" is the command key on a Mac, too. */
export function listen(shortcuts: Shortcuts): void {
  addEventListener("keydown", (event) => {
    if (
      event.defaultPrevented ||
      event.altKey ||
      event.isComposing ||
      document.querySelector("dialog[open]") !== null
    )
      return;
    const modified = event.ctrlKey || event.metaKey;
    const typing =
      event.target instanceof Element &&
      event.target.closest("input:not([type=range], [type=radio]), textarea, select, [contenteditable]") !==
        null;
    if (typing) return;
    const name = `${modified ? "Ctrl+" : ""}${modified && event.shiftKey ? "Shift+" : ""}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`;
    const found = shortcuts.find(({ key }) => key.toLowerCase() === name.toLowerCase());
    if (found === undefined) return;
    event.preventDefault();
    found.act();
  });
}
