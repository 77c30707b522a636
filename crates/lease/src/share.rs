//! How many leases an instance should have.

/// What one round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How many leases there are to share out.
    pub(crate) all: usize,
    /// How many of them are ours.
    pub(crate) ours: usize,
    /// How many instances live, this one included.
    pub(crate) instances: usize,
}

impl Seen {
    /// What every instance may have: the shares make up the whole at least.
    fn share(self) -> usize {
        self.all.div_ceil(self.instances.max(1))
    }

    /// How many more to ask for.
    pub(crate) fn missing(self) -> usize {
        self.share().saturating_sub(self.ours)
    }

    /// Whether to give one back, so that another instance has work.
    pub(crate) fn has_too_many(self) -> bool {
        self.ours > self.share()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(all: usize, ours: usize, instances: usize) -> Seen {
        Seen { all, ours, instances }
    }

    proptest! {
        /// Instances that come and go, in turns: no lease stays free while somebody lives, and
        /// the work is shared out evenly, without an end to giving and taking.
        #[test]
        fn every_lease_finds_an_owner_and_nobody_has_much_more_than_another(
            all in 0_usize..60,
            mut ours in prop::collection::vec(0_usize..60, 1..9),
        ) {
            let mut left = all;
            for one in &mut ours {
                *one = (*one).min(left);
                left -= *one;
            }
            let instances = ours.len();
            for round in 0.. {
                let before = ours.clone();
                for one in &mut ours {
                    let take = seen(all, *one, instances).missing().min(left);
                    *one += take;
                    left -= take;
                    if seen(all, *one, instances).has_too_many() {
                        *one -= 1;
                        left += 1;
                    }
                }
                if before == ours {
                    break;
                }
                prop_assert!(round < 200, "{ours:?}");
            }
            prop_assert_eq!(left, 0);
            prop_assert!(ours.iter().all(|one| *one <= all.div_ceil(instances)));
        }
    }
}
