// How wide an element is now, so that a drawing can be as sharp as the screen.
import { useLayoutEffect, useRef, useState } from "preact/hooks";

export function useWidth<T extends Element>() {
  const frame = useRef<T>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) {
      return;
    }
    const watcher = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    setWidth(Math.floor(element.clientWidth));
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);
  return { frame, width };
}
