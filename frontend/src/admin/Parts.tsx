// Small pieces that every admin page is made of.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { goTo, isPlainClick } from "./router";
import type { Measured, Rendered } from "./types";
import { interval, percent, coefficient, visible } from "./words";

/** The only place that puts HTML in, and only what the server sanitised. */
export function Text({ of }: { of: Rendered }) {
  return <div class="text" dir="auto" dangerouslySetInnerHTML={{ __html: of.html }} />;
}

/** Words of a person or a model that came without HTML; their direction stays their own. */
export function Words({ of }: { of: string }) {
  return <bdi>{visible(of)}</bdi>;
}

export function Name({ of, isSimulated }: { of: string; isSimulated: boolean }) {
  return (
    <>
      <Words of={of} />
      {isSimulated && <Simulated />}
    </>
  );
}

export function Simulated() {
  return <span class="tag simulated">simulated</span>;
}

interface LinkProps {
  to: string;
  children: ComponentChildren;
  class?: string;
  current?: boolean;
}

/** A link to another admin page, without loading everything anew. */
export function Link({ to, children, current = false, ...more }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (isPlainClick(event)) {
      event.preventDefault();
      goTo(to);
    }
  };
  return (
    <a href={to} onClick={follow} {...more} {...(current ? { "aria-current": "page" } : {})}>
      {children}
    </a>
  );
}

/** A page's heading; a screen reader goes on here after a change of page. */
export function Title({ children, name }: { children: ComponentChildren; name: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    document.title = `${name} · rather`;
    heading.current?.focus({ preventScroll: true });
  }, [name]);
  return (
    <h1 tabIndex={-1} ref={heading}>
      {children}
    </h1>
  );
}

export function Trouble({ text, retry }: { text: string | null; retry?: () => void }) {
  return (
    <div class="trouble" role="alert">
      {text && (
        <p>
          {visible(text)}
          {retry && (
            <>
              {" "}
              <button type="button" class="inline" onClick={retry}>
                Try again
              </button>
            </>
          )}
        </p>
      )}
    </div>
  );
}

export function Said({ text }: { text: string }) {
  return (
    <p class="said" role="status">
      {visible(text)}
    </p>
  );
}

/** A number, its interval and what it rests on; or why there is none. */
export function Figure({ of, as }: { of: Measured; as: "share" | "coefficient" }) {
  if (of.value === null) {
    return <span class="none">not computable: {visible(of.reason ?? "no reason was given")}</span>;
  }
  const between = interval(of, as);
  return (
    <span class="figure">
      <b>{as === "share" ? percent(of.value) : coefficient(of.value)}</b>
      {between && <span class="between"> {between}</span>}
    </span>
  );
}
