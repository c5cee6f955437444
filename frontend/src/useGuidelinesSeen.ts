// Guidelines are shown before the first pair, and again when they change.
import { useCallback, useState } from "preact/hooks";

export function useGuidelinesSeen(
  owner: string | undefined,
  hash: string | undefined,
): [boolean, () => void] {
  const [seenNow, setSeenNow] = useState<string | null>(null);
  const key = `rather.guidelines.${owner}`;
  const hasSeen = hash !== undefined && (seenNow === hash || localStorage.getItem(key) === hash);
  const setSeen = useCallback(() => {
    if (owner !== undefined && hash !== undefined) {
      localStorage.setItem(key, hash);
      setSeenNow(hash);
    }
  }, [owner, hash, key]);
  return [hasSeen, setSeen];
}
