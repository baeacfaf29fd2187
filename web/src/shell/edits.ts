/** What the shell needs of the editor of the tree. */
export interface Edits {
  readonly edits: readonly unknown[];
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  undo(): void;
  redo(): void;
  /** The file of edits that `hyperclade apply` takes. */
  json(): string;
  onChange(listener: () => void): void;
}
