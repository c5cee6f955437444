// The admin's pages, loaded only where they are asked for.

export default function Admin() {
  return null;
}
