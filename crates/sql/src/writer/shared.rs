//! Batches in shares, one a connection, written at the same time.

use dstream_sdk::{Error, Result, tracing};
use futures_util::future::join_all;

use super::Writer;
use crate::batch::{Batch, ByKey, Division};
use crate::config::Mode;
use crate::database::{Database, DbResult, Failure, Refused};
use crate::lanes::Manner;
use crate::target::Target;
use crate::targets::Waiting;

/// One connection's batches, each with its table.
type Share<'a> = Vec<(usize, Batch<'a>)>;

impl<D: Database> Writer<'_, D> {
    /// The shares of the connections, the first one's first; `None`: the first one writes all of it.
    pub(super) fn shares<'a>(
        &mut self,
        groups: &mut [(usize, Batch<'a>)],
    ) -> Result<Option<Vec<Share<'a>>>> {
        let most = self.db.lanes.most;
        if most == 0 || self.decided(groups) == Manner::Alone {
            return Ok(None);
        }
        let mut shares: Vec<Share<'a>> = (0..=most).map(|_| Vec::new()).collect();
        let (mut whole, mut why) = (Vec::new(), None);
        for (at, batch) in groups.iter_mut().filter(|(_, batch)| !batch.is_empty()) {
            let target = &self.targets.list[*at];
            let by_key = match self.division(target) {
                Division::Rows => None,
                Division::Keys(same) => Some(ByKey { at: &target.key_at, same }),
                Division::One => {
                    whole.push((*at, batch));
                    continue;
                }
                Division::Alone => {
                    why = Some("a table has triggers, rules or policies");
                    break;
                }
            };
            let Some(parts) = batch.divide(most + 1, by_key) else {
                why = Some("a change concerns the rows of several connections");
                break;
            };
            for (share, part) in shares.iter_mut().zip(parts).filter(|(_, part)| !part.is_empty()) {
                share.push((*at, part));
            }
        }
        if let Some(why) = why {
            return self.alone(why).map(|()| None);
        }
        shares[0].extend(whole.into_iter().map(|(at, batch)| (at, std::mem::take(batch))));
        Ok(Some(shares))
    }

    /// The first rows of a transaction decide for all of it: each key stays with one connection.
    fn decided(&mut self, groups: &[(usize, Batch<'_>)]) -> Manner {
        if self.db.lanes.manner == Manner::Undecided {
            let changes: usize = groups.iter().map(|(_, batch)| batch.changes().len()).sum();
            let few = changes < self.db.shared_from();
            self.db.lanes.manner = if few { Manner::Alone } else { Manner::Shared };
        }
        self.db.lanes.manner
    }

    fn division<'t>(&self, target: &'t Target<D::Target>) -> Division<'t> {
        match D::division(&target.own) {
            Division::Alone => Division::Alone,
            _ if self.db.lanes.fresh.contains(&target.table.name) => Division::One,
            division => division,
        }
    }

    /// The first connection writes the transaction alone; where others hold rows already, all of it
    /// is written again.
    fn alone(&mut self, why: &str) -> Result<()> {
        if !self.db.lanes.hold_rows() {
            self.db.lanes.manner = Manner::Alone;
            return Ok(());
        }
        tracing::debug!("{why}: one connection writes them");
        self.targets.waiting = Some(Waiting::Alone);
        Err(Error::transient(why))
    }

    /// Writes the shares as one; `Some`: a row is at fault, and nothing of them is written.
    pub(super) async fn attempt_shared(
        &mut self,
        mut shares: Vec<Share<'_>>,
    ) -> Result<Option<Error>> {
        self.targets.hold_rows = true;
        let wanted: Vec<bool> = shares.iter().map(|share| !share.is_empty()).collect();
        self.db.join(self.books, &wanted).await?;
        let (list, mode) = (&self.targets.list, self.settings.mode);
        let with_rows = self.db.all().zip(&mut shares).filter(|(_, share)| !share.is_empty());
        let written = join_all(with_rows.map(|(db, share)| write(db, list, mode, share))).await;
        let (mut refused, mut blocked) = (None, None);
        for failure in written.into_iter().filter_map(Result::err) {
            match failure {
                Failure::Run(error) => return Err(error),
                Failure::Blocked(error) => blocked = Some(error),
                Failure::Row(error) => refused = refused.or(Some(error)),
            }
        }
        if let Some(error) = blocked {
            tracing::debug!(%error, "a connection waits for another: one writes the rows");
            self.targets.waiting = Some(Waiting::Alone);
            return Err(error);
        }
        let is_refused = refused.is_some();
        let with_rows = self.db.all().zip(&wanted).filter(|(_, wanted)| **wanted);
        let ended = with_rows.map(|(db, _)| async move {
            match is_refused {
                true => db.take_back().await,
                false => db.release().await,
            }
        });
        join_all(ended).await.into_iter().collect::<Result<()>>()?;
        Ok(refused)
    }
}

async fn write<D: Database>(
    db: &mut D,
    targets: &[Target<D::Target>],
    mode: Mode,
    share: &mut Share<'_>,
) -> DbResult<()> {
    db.savepoint().await?;
    for (at, batch) in share {
        db.load(&targets[*at], batch, mode, &mut Refused::new()).await?;
    }
    Ok(())
}
