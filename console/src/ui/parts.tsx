/* Small parts that every page uses: states in words and colour, ages, empty and broken pages. */
import { Component, type ErrorInfo, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ChannelState } from '../api/channel';
import type { AlertState, Severity } from '../api/types';
import { useNow, useTimes } from '../lib/hooks';
import { Icon, SeveritySign, type IconName } from './icons';

export function StateChip({ state, testid }: { state: AlertState; testid?: string }) {
  const { t } = useTranslation();
  return (
    <span className={`chip state-${state}`} data-testid={testid} data-state={state}>
      {t(`state.${state}`)}
    </span>
  );
}

export function SeverityWord({ severity }: { severity: Severity }) {
  const { t } = useTranslation();
  return (
    <span className={`severity sev-${severity}`}>
      <SeveritySign severity={severity} />
      <span className="visually-hidden">{t('severity.label', { severity: '' })}</span>
      {t(`severity.${severity}`)}
    </span>
  );
}

export function ChannelStateWord({ state }: { state: ChannelState }) {
  const { t } = useTranslation();
  return (
    <span className={`chan-state ch-${state}`} title={t(`channelStateHint.${state}`)}>
      <Icon name={state} />
      {t(`channelState.${state}`)}
    </span>
  );
}

/** A moment as an age that ticks; the moment itself on hover and for machines. */
export function Age({ at, className = '' }: { at: number; className?: string }) {
  const now = useNow();
  const times = useTimes();
  if (!Number.isFinite(at)) return <span className={className}>–</span>;
  return (
    <time className={`num ${className}`} dateTime={new Date(at).toISOString()} title={times.moment(at, 'full')}>
      {times.age(now - at)}
    </time>
  );
}

export function Moment({ at }: { at: number }) {
  const now = useNow();
  const times = useTimes();
  if (!Number.isFinite(at)) return <>–</>;
  return (
    <time className="moment num" dateTime={new Date(at).toISOString()}>
      {times.moment(at, 'full')} <span className="dim">{times.ago(now - at)}</span>
    </time>
  );
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Blank({
  icon,
  title,
  children,
  tone = 'calm',
}: {
  icon: IconName | 'eye';
  title: string;
  children?: ReactNode;
  tone?: 'calm' | 'bad';
}) {
  return (
    <div className={`blank tone-${tone}`}>
      {icon === 'eye' ? (
        <svg className="blank-eye" viewBox="0 0 120 60" aria-hidden="true" focusable="false">
          <path d="M6 18V10a6 6 0 0 1 6-6h8M100 4h8a6 6 0 0 1 6 6v8M114 42v8a6 6 0 0 1-6 6h-8M20 56h-8a6 6 0 0 1-6-6v-8" />
          <path className="lid" d="M24 26c10 13 22 19 36 19s26-6 36-19M36 39l-4 6M60 45v7M84 39l4 6M47 43l-2 6M73 43l2 6" />
        </svg>
      ) : (
        <Icon name={icon} className="blank-icon" />
      )}
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Loading({ text }: { text: string }) {
  return (
    <div className="loading" role="status">
      <span className="scan" aria-hidden="true" />
      {text}
    </div>
  );
}

export function Skeleton({ rows, kind }: { rows: number; kind: 'row' | 'card' }) {
  return (
    <div className={`skeletons ${kind}s`} aria-hidden="true">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className={`skeleton ${kind}`} />
      ))}
    </div>
  );
}

function Broken() {
  const { t } = useTranslation();
  return (
    <Blank icon="misconfigured" title={t('error.title')} tone="bad">
      <p>{t('error.hint')}</p>
      <button className="button" type="button" onClick={() => location.reload()}>
        {t('error.reload')}
      </button>
    </Blank>
  );
}

/** Keeps a fault in one part from taking the whole console away. `of` changing gives the part another try. */
export class Guard extends Component<{ children: ReactNode; of?: string }, { failed: string | null }> {
  override state = { failed: null as string | null };
  static getDerivedStateFromError(): { failed: string } {
    return { failed: '' };
  }
  override componentDidCatch(error: Error, info: ErrorInfo): void {
    console.error('part failed', error.message, info.componentStack);
  }
  override componentDidUpdate(before: { of?: string }): void {
    if (before.of !== this.props.of && this.state.failed !== null) this.setState({ failed: null });
  }
  override render(): ReactNode {
    return this.state.failed !== null ? <Broken /> : this.props.children;
  }
}
