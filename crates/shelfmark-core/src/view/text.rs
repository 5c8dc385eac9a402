//! The statement of an edge: the columns of the target, and behind them the key that each row belongs to.

use super::edge::{Edge, Order, Side, Table};
use crate::crud::postgres_type;
use crate::dialect::Dialect;
use crate::render::{member_of, placeholder, quoted};

impl Edge {
    /// The text, which is the same however many keys there are.
    #[must_use]
    pub fn sql(&self, dialect: Dialect) -> String {
        let mut text = Text {
            edge: self,
            dialect,
            sql: String::from("SELECT "),
        };
        match (self.limit, dialect) {
            (None, _) => text.all(),
            (Some(limit), Dialect::Postgres) => text.first_laterally(limit),
            (Some(limit), Dialect::Sqlite) => text.first_by_key(limit),
        }
        text.sql
    }
}

/// What the tables are called: `t` the target, `l` the link, `k` the keys that were sent.
struct Text<'e> {
    edge: &'e Edge,
    dialect: Dialect,
    sql: String,
}

impl Text<'_> {
    fn push(&mut self, text: &str) -> &mut Self {
        self.sql.push_str(text);
        self
    }

    fn column(&mut self, table: &str, name: &str) -> &mut Self {
        self.push(table).push(".");
        quoted(&mut self.sql, name);
        self
    }

    fn columns<'n>(&mut self, table: &str, names: impl IntoIterator<Item = &'n str>) -> &mut Self {
        for (nth, name) in names.into_iter().enumerate() {
            if nth > 0 {
                self.push(", ");
            }
            self.column(table, name);
        }
        self
    }

    fn target(&mut self) -> &mut Self {
        let columns = self.edge.target.columns;
        self.columns("t", columns.iter().map(|column| column.name))
    }

    /// `"table" AS t`
    fn table(&mut self, table: &Table, alias: &str) -> &mut Self {
        quoted(&mut self.sql, table.name);
        self.push(" AS ").push(alias)
    }

    /// The table that the keys are compared with: `l` or `t`.
    fn near(&self) -> (&'static str, Table) {
        match self.edge.link {
            Some(link) => ("l", link.table),
            None => ("t", self.edge.target),
        }
    }

    /// The near table, and the target behind it.
    fn tables(&mut self) -> &mut Self {
        let (alias, near) = self.near();
        self.table(&near, alias).beyond_the_link()
    }

    fn beyond_the_link(&mut self) -> &mut Self {
        let target = self.edge.target;
        if let Some(link) = self.edge.link {
            self.push(" JOIN ").table(&target, "t").push(" ON ");
            self.columns("t", target.key.iter().copied())
                .push(" = ")
                .column("l", link.to);
        }
        self
    }

    /// The column that the keys are compared with.
    fn by(&mut self) -> &mut Self {
        let (alias, by) = (self.near().0, self.edge.by);
        self.column(alias, by)
    }

    /// Keeps to the rows that the handle may see, of the link and of the target: its tenant's, and those that are not
    /// deleted.
    fn visible(&mut self) -> &mut Self {
        let edge = self.edge;
        let link = edge.link.map(|link| ("l", link.table.managed));
        // The keys are the first value.
        let mut values = 1;
        for (alias, managed) in link.into_iter().chain([("t", edge.target.managed)]) {
            if let Some(tenant) = managed.tenant {
                self.push(" AND ").column(alias, tenant.name).push(" = ");
                placeholder(&mut self.sql, self.dialect, values);
                values += 1;
            }
            if let Some(deleted_at) = managed.deleted_at {
                self.push(" AND ").column(alias, deleted_at.name);
                self.push(" IS NULL");
            }
        }
        self
    }

    fn order(&mut self) -> &mut Self {
        let edge = self.edge;
        for (nth, order) in edge.order.iter().enumerate() {
            if nth > 0 {
                self.push(", ");
            }
            self.ordered_by(order);
        }
        let named = |key: &str| {
            let mut names = edge.order.iter();
            names.any(|order| order.column == key && self::of_target(edge, order))
        };
        let mut any = !edge.order.is_empty();
        for key in edge.target.key.iter().filter(|key| !named(key)) {
            if any {
                self.push(", ");
            }
            any = true;
            self.column("t", key);
        }
        self
    }

    fn ordered_by(&mut self, order: &Order) {
        let edge = self.edge;
        let (alias, table) = match edge.link {
            Some(link) if !of_target(edge, order) => ("l", link.table),
            _ => ("t", edge.target),
        };
        self.column(alias, order.column);
        if order.descending {
            self.push(" DESC");
        }
        // By themselves the engines put NULL at different ends.
        if table
            .column(order.column)
            .is_some_and(|column| column.nullable)
        {
            self.push(" NULLS LAST");
        }
    }

    /// Every row of every key.
    fn all(&mut self) {
        self.target().push(", ").by().push(" FROM ").tables();
        self.push(" WHERE ").by().push(" ");
        member_of(&mut self.sql, self.dialect, 0, false);
        self.visible();
        if !self.edge.single {
            self.push(" ORDER BY ").order();
        }
    }

    /// The first rows of each key: PostgreSQL reads no further in an index that has the order.
    fn first_laterally(&mut self, limit: u32) {
        self.target().push(", k.parent FROM UNNEST(");
        placeholder(&mut self.sql, self.dialect, 0);
        let ty = postgres_type(self.edge.key);
        self.push("::").push(ty);
        self.push("[]) AS k(parent) CROSS JOIN LATERAL (SELECT ");
        self.target();
        // The order of the whole is said once more, by number, since a column of the link is not to be seen out there.
        self.push(", row_number() OVER (ORDER BY ").order();
        self.push(") AS shelfmark_nth FROM ").tables();
        self.push(" WHERE ").by().push(" = k.parent").visible();
        self.push(" ORDER BY ").order();
        self.push(&format!(" LIMIT {limit}) AS t ORDER BY t.shelfmark_nth"));
    }

    /// The first rows of each key, found by their own keys: SQLite knows no LATERAL, and numbering the rows of a partition
    /// would read all of them.
    fn first_by_key(&mut self, limit: u32) {
        let (alias, near) = self.near();
        self.target().push(", k.value FROM rarray(");
        placeholder(&mut self.sql, self.dialect, 0);
        self.push(") AS k CROSS JOIN ").table(&near, alias);
        self.push(" ON (").columns(alias, near.key.iter().copied());
        self.push(") IN (SELECT ");
        self.columns(alias, near.key.iter().copied());
        self.push(" FROM ").tables();
        self.push(" WHERE ").by().push(" = k.value").visible();
        self.push(" ORDER BY ").order();
        self.push(&format!(" LIMIT {limit})")).beyond_the_link();
        self.push(" ORDER BY ").order();
    }
}

/// Whether the order is by a column of the target.
fn of_target(edge: &Edge, order: &Order) -> bool {
    match order.side {
        Side::Target => true,
        Side::Link => false,
        Side::Either => edge.target.column(order.column).is_some(),
    }
}
