//! Which row goes with which column, so that the sum of the gains is the largest.
//!
//! In: pairs `(row, column, gain)`; what is not listed cannot go together, and a pair without a positive gain is better
//! left apart. Out: the chosen pairs, by row. The pairs fall into islands that have nothing to do with one another, most of
//! them of one or two rows: each is solved by itself by shortest augmenting paths (Jonker and Volgenant), so that a
//! crowd costs the cube of its own size and not of all that is in the picture. Deterministic; equal gains are decided by
//! position. Pure.

/// A row and a column that may go together, and what that is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    pub row: usize,
    pub column: usize,
    pub gain: f64,
}

/// The best set of pairs in which each row and each column stands once at most.
pub fn assign(rows: usize, columns: usize, pairs: &[Pair]) -> Vec<(usize, usize)> {
    let sound = |p: &&Pair| p.gain.is_finite() && p.gain > 0.0 && p.row < rows && p.column < columns;
    let mut islands = Islands::new(rows + columns);
    for p in pairs.iter().filter(sound) {
        islands.join(p.row, rows + p.column);
    }
    let mut by_island: Vec<(usize, Pair)> = pairs.iter().filter(sound).map(|p| (islands.of(p.row), *p)).collect();
    by_island.sort_by_key(|(island, p)| (*island, p.row, p.column));
    let mut chosen = Vec::with_capacity(rows.min(columns));
    for island in by_island.chunk_by(|a, b| a.0 == b.0) {
        match island {
            [(_, only)] => chosen.push((only.row, only.column)),
            many => solve(many, &mut chosen),
        }
    }
    chosen.sort_unstable();
    chosen
}

/// Rows and columns that hang together, by union and find.
struct Islands(Vec<usize>);

impl Islands {
    fn new(nodes: usize) -> Self {
        Self((0..nodes).collect())
    }
    fn of(&mut self, mut node: usize) -> usize {
        while self.0[node] != node {
            self.0[node] = self.0[self.0[node]];
            node = self.0[node];
        }
        node
    }
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// One island. The time goes with the square of the shorter side and the longer one.
fn solve(pairs: &[(usize, Pair)], chosen: &mut Vec<(usize, usize)>) {
    let (rows, columns) = (sides(pairs, |p| p.row), sides(pairs, |p| p.column));
    let place = |list: &[usize], value| list.binary_search(&value).unwrap_or(0);
    let turned = rows.len() > columns.len();
    let (n, m) = if turned { (columns.len(), rows.len()) } else { (rows.len(), columns.len()) };
    // To be left apart costs nothing: each row has a column of its own for that, behind the real ones.
    let width = m + n;
    let mut cost = vec![f64::INFINITY; n * width];
    for (row, line) in cost.chunks_exact_mut(width).enumerate() {
        line[m + row] = 0.0;
    }
    for (_, p) in pairs {
        let (row, column) = (place(&rows, p.row), place(&columns, p.column));
        let at = if turned { column * width + row } else { row * width + column };
        cost[at] = cost[at].min(-p.gain);
    }
    for (row, column) in shortest(&cost, n, width).into_iter().filter(|(_, column)| *column < m) {
        let (row, column) = if turned { (column, row) } else { (row, column) };
        chosen.push((rows[row], columns[column]));
    }
}

/// The rows or columns of an island, sorted.
fn sides(pairs: &[(usize, Pair)], side: impl Fn(&Pair) -> usize) -> Vec<usize> {
    let mut sides: Vec<usize> = pairs.iter().map(|(_, p)| side(p)).collect();
    sides.sort_unstable();
    sides.dedup();
    sides
}

/// Gives every one of `n` rows a column of `width` at the least sum; every row has one that it can have for itself.
fn shortest(cost: &[f64], n: usize, width: usize) -> Vec<(usize, usize)> {
    const NONE: usize = usize::MAX;
    let mut row_price = vec![0.0f64; n];
    let mut column_price = vec![0.0f64; width];
    let mut row_of = vec![NONE; width];
    let (mut least, mut from, mut done) = (vec![0.0f64; width], vec![NONE; width], vec![false; width]);
    let mut ends: Vec<(usize, usize)> = Vec::with_capacity(n);
    for start in 0..n {
        least.fill(f64::INFINITY);
        from.fill(NONE);
        done.fill(false);
        ends.clear();
        // From free row to free column over the columns that are taken, the cheapest way.
        let (mut row, mut sum, mut entered) = (start, 0.0, NONE);
        let free = loop {
            let line = &cost[row * width..(row + 1) * width];
            let mut next: Option<usize> = None;
            for column in 0..width {
                if done[column] {
                    continue;
                }
                let reduced = sum + line[column] - row_price[row] - column_price[column];
                if reduced < least[column] {
                    least[column] = reduced;
                    from[column] = entered;
                }
                if next.is_none_or(|b| least[column] < least[b]) {
                    next = Some(column);
                }
            }
            let Some(column) = next.filter(|c| least[*c].is_finite()) else { break None };
            done[column] = true;
            sum = least[column];
            ends.push((row_of[column], column));
            if row_of[column] == NONE {
                break Some(column);
            }
            (row, entered) = (row_of[column], column);
        };
        let Some(free) = free else { continue };
        row_price[start] += sum;
        for (row, column) in &ends {
            let short = sum - least[*column];
            if *row != NONE {
                row_price[*row] += short;
            }
            column_price[*column] -= short;
        }
        let mut column = free;
        while from[column] != NONE {
            row_of[column] = row_of[from[column]];
            column = from[column];
        }
        row_of[column] = start;
    }
    row_of.iter().enumerate().filter(|(_, r)| **r != NONE).map(|(c, r)| (*r, c)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(pairs: &[Pair], chosen: &[(usize, usize)]) -> f64 {
        let gain = |c: &(usize, usize)| {
            let same = pairs.iter().filter(|p| (p.row, p.column) == *c);
            same.map(|p| p.gain).fold(f64::NEG_INFINITY, f64::max)
        };
        chosen.iter().map(gain).sum()
    }

    /// The best of all that can be done, tried one by one.
    fn best(pairs: &[Pair], row: usize, rows: usize, taken: u32) -> f64 {
        if row == rows {
            return 0.0;
        }
        let mut found = best(pairs, row + 1, rows, taken);
        for p in pairs.iter().filter(|p| p.row == row && p.gain > 0.0 && taken & 1 << p.column == 0) {
            found = found.max(p.gain + best(pairs, row + 1, rows, taken | 1 << p.column));
        }
        found
    }

    #[test]
    fn a_lesser_pair_makes_room_for_the_greater_sum() {
        let pairs = [(0, 0, 5.0), (0, 1, 4.0), (1, 0, 4.0)].map(|(row, column, gain)| Pair { row, column, gain });
        assert_eq!(assign(2, 2, &pairs), [(0, 1), (1, 0)]);
    }

    #[test]
    fn what_gains_nothing_stays_apart() {
        let pairs = [(0, 0, 0.0), (1, 1, -1.0), (2, 2, f64::NAN), (3, 3, f64::INFINITY), (9, 9, 1.0)]
            .map(|(row, column, gain)| Pair { row, column, gain });
        assert_eq!(assign(4, 4, &pairs), []);
    }

    proptest! {
        #[test]
        fn no_other_choice_is_worth_more(
            gains in prop::collection::vec((0usize..6, 0usize..6, -2.0f64..9.0), 0..24)
        ) {
            let pairs: Vec<_> = gains.iter().map(|&(row, column, gain)| Pair { row, column, gain }).collect();
            let chosen = assign(6, 6, &pairs);
            let (mut rows, mut columns): (Vec<_>, Vec<_>) = chosen.iter().copied().unzip();
            rows.dedup();
            columns.sort_unstable();
            columns.dedup();
            prop_assert!(rows.len() == chosen.len() && columns.len() == chosen.len(), "{chosen:?}");
            prop_assert!((sum(&pairs, &chosen) - best(&pairs, 0, 6, 0)).abs() < 1e-9, "{chosen:?}");
        }
    }
}
