// What somebody set for themselves in this browser.
import { useCallback, useState } from "preact/hooks";
import { openShelf, readJson } from "./engine/storage";

export interface Settings {
  /** WCAG 2.1.4: shortcuts of a single character can be turned off. */
  hasSingleKeys: boolean;
}

const KEY = "rather.settings";
const DEFAULTS: Settings = { hasSingleKeys: true };

export function useSettings(): [Settings, (change: Partial<Settings>) => void] {
  const { shelf } = openShelf();
  const [settings, setSettings] = useState<Settings>(() => ({
    ...DEFAULTS,
    ...readJson<Partial<Settings>>(shelf, KEY),
  }));
  const change = useCallback((part: Partial<Settings>) => {
    setSettings((before) => {
      const after = { ...before, ...part };
      shelf.set(KEY, JSON.stringify(after));
      return after;
    });
  }, []);
  return [settings, change];
}
