"""What people look at: cards, charts, pages, Prometheus text. Light, and pure."""
