/* How the box is, asked for every two seconds by whoever shows it. */
import { useQuery } from '@tanstack/react-query';
import { api } from '../api/client';

export const useBox = () => useQuery({ queryKey: ['box'], queryFn: api.box, refetchInterval: 2000, staleTime: 0 });
