//! Subscribers are those of one room to whom voices go. Whoever holds a seat stands before the audience, so that a crowd costs no speaker time.

/// Indices of the sessions in one room, the seated first.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    all: Vec<usize>,
    seated: usize,
}

impl Subscribers {
    pub(super) fn all(&self) -> &[usize] {
        &self.all
    }

    pub(super) fn seated(&self) -> &[usize] {
        &self.all[..self.seated]
    }

    pub(super) fn audience(&self) -> &[usize] {
        &self.all[self.seated..]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Someone came, who holds a seat already or does not. Says whether the audience stands elsewhere now.
    pub(super) fn add(&mut self, index: usize, seated: bool) -> bool {
        self.all.push(index);
        if seated {
            self.seat(self.all.len() - 1);
        }
        seated
    }

    /// Someone is gone. Says whether the audience stands elsewhere now; one of it who goes leaves everyone behind where they are, but for the
    /// last, who takes the empty place.
    pub(super) fn remove(&mut self, index: usize) -> bool {
        let Some(mut place) = self.all.iter().position(|&other| other == index) else {
            return false;
        };
        let was_seated = place < self.seated;
        if was_seated {
            self.seated -= 1;
            self.all.swap(place, self.seated);
            place = self.seated;
        }
        self.all.swap_remove(place);
        was_seated
    }

    /// From now on these hold seats and nobody else does. Who is not here is passed over. Says whether the audience stands elsewhere now.
    pub(super) fn seat_only(&mut self, holders: &[usize]) -> bool {
        let mut moved = false;
        for place in (0..self.seated).rev() {
            if !holders.contains(&self.all[place]) {
                self.seated -= 1;
                self.all.swap(place, self.seated);
                moved = true;
            }
        }
        for holder in holders {
            let standing = self.audience().iter().position(|other| other == holder);
            if let Some(behind) = standing {
                self.seat(self.seated + behind);
                moved = true;
            }
        }
        moved
    }

    fn seat(&mut self, place: usize) {
        self.all.swap(place, self.seated);
        self.seated += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_seated_stand_first() {
        let mut subscribers = Subscribers::default();
        for index in 0..6 {
            subscribers.add(index, index == 4);
        }
        assert_eq!(subscribers.seated(), [4]);
        subscribers.seat_only(&[2, 4, 99]);
        assert_eq!(subscribers.seated(), [4, 2]);
        subscribers.seat_only(&[2]);
        assert_eq!(subscribers.seated(), [2]);
        subscribers.remove(2);
        assert!(subscribers.seated().is_empty());
        assert_eq!(subscribers.audience().len(), 5);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add(usize, bool),
        Remove(usize),
        Seat(BTreeSet<usize>),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0usize..20, any::<bool>()).prop_map(|(index, seated)| Step::Add(index, seated)),
            (0usize..20).prop_map(Step::Remove),
            prop::collection::btree_set(0usize..20, 0..6).prop_map(Step::Seat),
        ]
    }

    proptest! {
        /// Whatever happens, each who came and did not go stands in one place, and on the right side; and who was served already is not among
        /// those who are yet to be, unless it is said that the audience moved.
        #[test]
        fn nobody_is_lost_or_there_twice(steps in prop::collection::vec((step(), 0usize..20), 0..60)) {
            let mut subscribers = Subscribers::default();
            let (mut all, mut seated) = (BTreeSet::new(), BTreeSet::new());
            for (step, served) in steps {
                let audience = subscribers.audience().to_vec();
                let served = served.min(audience.len());
                let moved = match step {
                    Step::Add(index, _) if all.contains(&index) => continue,
                    Step::Add(index, sits) => {
                        all.insert(index);
                        if sits { seated.insert(index); }
                        subscribers.add(index, sits)
                    }
                    Step::Remove(index) => {
                        all.remove(&index);
                        seated.remove(&index);
                        subscribers.remove(index)
                    }
                    Step::Seat(holders) => {
                        seated = all.intersection(&holders).copied().collect();
                        subscribers.seat_only(&holders.iter().copied().collect::<Vec<_>>())
                    }
                };
                if !moved && served <= subscribers.audience().len() {
                    let again = subscribers.audience()[served..].iter().filter(|index| audience[..served].contains(index));
                    prop_assert_eq!(again.count(), 0, "who was served stands among those who were not");
                }
                prop_assert_eq!(subscribers.all().len(), all.len());
                prop_assert_eq!(subscribers.all().iter().copied().collect::<BTreeSet<_>>(), all.clone());
                prop_assert_eq!(subscribers.seated().iter().copied().collect::<BTreeSet<_>>(), seated.clone());
            }
        }
    }
}
