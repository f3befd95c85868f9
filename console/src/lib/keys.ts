/* Whose a key is: the console's, the field's that is being typed in, or the browser's where a modifier is held. */
export function keyIsOurs(e: KeyboardEvent): boolean {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return false;
  const target = e.target instanceof HTMLElement ? e.target : null;
  if (target?.closest('input, textarea, select, dialog, [contenteditable="true"]')) return false;
  return !(target?.closest('button, a, summary') && (e.key === 'Enter' || e.key === ' '));
}
