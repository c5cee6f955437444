// Guidelines are shown before the first task, and again when they change.
import { useCallback, useState } from "preact/hooks";
import { openShelf } from "./engine/storage";

export function useGuidelinesSeen(
  owner: string | undefined,
  hash: string | undefined,
): [boolean, () => void] {
  const { shelf } = openShelf();
  const [seenNow, setSeenNow] = useState<string | null>(null);
  const key = `rather.guidelines.${owner}`;
  const hasSeen = hash !== undefined && (seenNow === hash || shelf.get(key) === hash);
  const setSeen = useCallback(() => {
    if (owner !== undefined && hash !== undefined) {
      setSeenNow(hash);
      shelf.set(key, hash);
    }
  }, [owner, hash, key, shelf]);
  return [hasSeen, setSeen];
}
