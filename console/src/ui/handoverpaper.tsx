/* A handover as it was signed: who, when, what was left, the numbers of the shift. It reads the same on paper. */
import { useTranslation } from 'react-i18next';
import type { Handover } from '../api/handover';
import { useTimes } from '../lib/hooks';
import { useSession } from '../state/session';
import { FigureTable } from './figures';
import { HandoverRows, HandoverStateWord } from './handoverrows';
import { Fact } from './parts';

export function HandoverPaper({ of, positionName }: { of: Handover; positionName: string }) {
  const { t } = useTranslation();
  const times = useTimes();
  const site = useSession((s) => s.session?.siteName ?? '');
  const at = (ms: number): string => times.moment(ms, 'full');
  return (
    <article className="handover-paper" data-testid="handover-paper">
      <header className="paper-head">
        <h2>{t('handover.paperTitle', { position: positionName, id: of.id })}</h2>
        <HandoverStateWord state={of.state} />
      </header>
      <div className="paper-facts card">
        <dl className="facts">
          <Fact name={t('handover.site')}>{site}</Fact>
          <Fact name={t('handover.shift')}>
            <span className="num">{t('handover.fromTo', { from: times.moment(of.from, 'short'), to: times.moment(of.to, 'short') })}</span>
          </Fact>
        </dl>
        <dl className="facts">
          <Fact name={t('handover.outgoing')}>
            <b>{of.outgoing}</b>
            {Number.isFinite(of.offered) && <span className="dim num under">{t('handover.signedAt', { at: at(of.offered) })}</span>}
          </Fact>
          <Fact name={t('handover.incoming')}>
            {of.incoming === null ? (
              <span className="dim">{of.state === 'withdrawn' ? t('handover.withdrawnAt', { at: at(of.ended) }) : t('handover.notYet')}</span>
            ) : (
              <>
                <b>{of.incoming}</b>
                <span className="dim num under">{t('handover.signedAt', { at: at(of.ended) })}</span>
              </>
            )}
          </Fact>
        </dl>
      </div>
      <section className="card">
        <h3>{t('handover.notes')}</h3>
        {of.notes === '' ? <p className="dim">{t('handover.noNotes')}</p> : <p className="written">{of.notes}</p>}
        {of.remark !== '' && (
          <>
            <h3>{t('handover.remark')}</h3>
            <p className="written">{of.remark}</p>
          </>
        )}
      </section>
      <div className="card">
        <HandoverRows of={of} />
      </div>
      <section className="card">
        <h3>{t('handover.numbers')}</h3>
        {of.numbers === null ? <p className="dim">{t('handover.noNumbers')}</p> : <FigureTable numbers={of.numbers} />}
      </section>
    </article>
  );
}
