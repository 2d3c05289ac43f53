"""Pages of people and tenants: `login` is the door, the others look at tenants and change them."""
