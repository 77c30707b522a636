//! Changes by key, folded to one state a key, and then written as sets.

use crate::fold::{Merge, Patch, Step, fold};
use crate::{Batch, DbResult, Target};

/// How a database writes sets of rows. Columns, rows and keys are indices into the [`Batch`].
#[allow(async_fn_in_trait)]
pub trait Sets {
    /// Every row is gone.
    async fn clear(&mut self) -> DbResult<()>;

    /// Every row that has no time in this column yet gets this one.
    async fn mark_all(&mut self, batch: &Batch<'_>, column: usize, time: usize) -> DbResult<()>;

    /// The rows with these keys are gone.
    async fn delete(&mut self, batch: &Batch<'_>, keys: &[usize]) -> DbResult<()>;

    /// The rows with these keys get a time in this column.
    async fn mark(
        &mut self,
        batch: &Batch<'_>,
        column: usize,
        keys: &[(usize, Option<usize>)],
    ) -> DbResult<()>;

    /// Rows in the place of those with their keys. Of each, these columns are written.
    async fn upsert(
        &mut self,
        batch: &Batch<'_>,
        columns: &[usize],
        rows: &[usize],
    ) -> DbResult<()>;

    /// Rows get these columns; one that is not there is made, with null for the others.
    async fn patch(
        &mut self,
        batch: &mut Batch<'_>,
        columns: &[usize],
        rows: &[usize],
    ) -> DbResult<()>;

    /// The row with this key gets these columns, its new key among them; made where it is not there.
    async fn change(
        &mut self,
        batch: &Batch<'_>,
        columns: &[usize],
        of: (usize, usize),
    ) -> DbResult<()>;
}

/// Writes a batch of changes by key.
///
/// # Errors
/// Those of the database.
pub async fn write_sets<T>(
    sets: &mut impl Sets,
    target: &Target<T>,
    batch: &mut Batch<'_>,
) -> DbResult<()> {
    for step in fold(batch, &target.key_at, target.deleted_at) {
        match step {
            Step::Merge(merge) => one(sets, target, batch, &merge).await?,
            Step::Move { key, row, unchanged } => {
                let sent = sent(batch, unchanged);
                sets.change(batch, &sent, (key, row)).await?;
            }
        }
    }
    Ok(())
}

async fn one<T>(
    sets: &mut impl Sets,
    target: &Target<T>,
    batch: &mut Batch<'_>,
    merge: &Merge,
) -> DbResult<()> {
    match (merge.clear, target.deleted_at) {
        (Some(Some(time)), Some(column)) => sets.mark_all(batch, column, time).await?,
        (Some(_), _) => sets.clear().await?,
        (None, _) => {}
    }
    let (soft, hard): (Vec<_>, Vec<_>) =
        merge.deletes.iter().copied().partition(|(_, at)| at.is_some());
    if !hard.is_empty() {
        let keys: Vec<_> = hard.into_iter().map(|(key, _)| key).collect();
        sets.delete(batch, &keys).await?;
    }
    if let Some(column) = target.deleted_at.filter(|_| !soft.is_empty()) {
        sets.mark(batch, column, &soft).await?;
    }
    if !merge.puts.is_empty() {
        let all: Vec<_> = (0..batch.width()).collect();
        sets.upsert(batch, &all, &merge.puts).await?;
    }
    for Patch { unchanged, rows } in &merge.patches {
        let columns = sent(batch, *unchanged);
        sets.patch(batch, &columns, rows).await?;
    }
    Ok(())
}

/// The columns that were sent.
fn sent(batch: &Batch<'_>, unchanged: usize) -> Vec<usize> {
    let unchanged = batch.unchanged(unchanged);
    (0..batch.width()).filter(|at| !unchanged.contains(at)).collect()
}
